"""Every text that training shows to users, in two languages."""

from __future__ import annotations

from models.messages import Message

RECIPE_MISSING = Message(
    ru="Рецепта «{name}» нет; укажите файл YAML или один из: {known}.",
    en='There is no recipe "{name}"; give a YAML file or one of: {known}.',
)
RECIPE_UNREADABLE = Message(
    ru="Рецепт {path} не читается: {reason}; исправьте этот файл.",
    en="The recipe {path} cannot be read: {reason}; correct the file.",
)
RECIPE_INVALID = Message(
    ru="Ошибки в рецепте «{name}», исправьте их:\n{mistakes}",
    en='Mistakes in the recipe "{name}", correct them:\n{mistakes}',
)
UNKNOWN_KEY = Message(
    ru="{where}: неизвестный ключ {key!r}, есть {known}", en="{where}: unknown key {key!r}, {known} exist"
)
MISSING_KEY = Message(ru="{where}: нет ключа {key!r}", en="{where}: the key {key!r} is missing")
WRONG_TYPE = Message(
    ru="{where}: ожидается {expected}, а не {value!r}", en="{where}: {expected} is expected, not {value!r}"
)
OUT_OF_RANGE = Message(
    ru="{where}: {value!r} не годится, нужно {wanted}", en="{where}: {value!r} will not do, needed: {wanted}"
)
GGUF_CANNOT_CARRY = Message(
    ru="{where}: адаптер GGUF этого не хранит ({what}); {way_out}",
    en="{where}: a GGUF adapter cannot carry this ({what}); {way_out}",
)
BAD_OVERRIDE = Message(
    ru="«{text}» не похоже на ключ=значение; пишите, например, --set train.learning_rate=0.0002.",
    en='"{text}" is not key=value; write, for example, --set train.learning_rate=0.0002.',
)
STAGE_UNKNOWN = Message(
    ru="Этапа «{name}» нет; выберите из: {known}.", en='There is no stage "{name}"; choose from: {known}.'
)
OPTION_MISPLACED = Message(
    ru="{option} бывает только в команде python -m finetune {usage}; добавьте слово или уберите параметр.",
    en="{option} belongs to python -m finetune {usage}; add the word, or leave the option out.",
)
OUT_OCCUPIED = Message(
    ru="В папке {folder} уже есть {name}, и это не папка адаптера; назовите новую папку: --out ПАПКА.",
    en="The folder {folder} has a {name} already and is no adapter's; name a new folder: --out DIR.",
)
COMPARE_TWO = Message(
    ru="Сравниваются два прогона: python -m finetune compare ПРОГОН ПРОГОН; назовите оба, имена смотрите в папке runs.",
    en="Two runs are compared: python -m finetune compare RUN RUN; name both, they are folders in runs.",
)
RUN_UNWRITABLE = Message(
    ru="В папку {path} нельзя записать ({reason}); проверьте права или задайте другую через --runs.",
    en="The folder {path} cannot be written ({reason}); check the permissions, or give another with --runs.",
)
RUN_BUSY = Message(
    ru="Папкой {path} уже занят другой процесс; дождитесь его или задайте другую через --runs.",
    en="Another process works in {path}; wait for it, or give another folder with --runs.",
)
FOREIGN_CHECKPOINT = Message(
    ru="Незаконченное обучение в {path} начато по другому рецепту или другим данным; продолжите с прежним рецептом "
    "или добавьте --fresh, чтобы отложить его в сторону и начать заново.",
    en="The unfinished training in {path} belongs to another recipe or other data; go on with the earlier recipe, or "
    "add --fresh to put it aside and start anew.",
)
DISK_FULL = Message(
    ru="На диске не осталось места для {path}; освободите его и запустите команду снова: готовое сохранено.",
    en="The disk is full at {path}; free some space and run the command again: what is finished is kept.",
)
OUT_OF_MEMORY = Message(
    ru="Не хватило памяти на этапе {stage}; уменьшите {knob} и запустите команду снова: готовое сохранено.",
    en="Memory ran out in the stage {stage}; lower {knob} and run the command again: what is finished is kept.",
)
EXTRA_MISSING = Message(
    ru="Не установлен пакет {name}; выполните: pip install 'kodopis[finetune]'.",
    en="The package {name} is not installed; run: pip install 'kodopis[finetune]'.",
)
HUB_UNREACHABLE = Message(
    ru="Hugging Face не отвечает ({what}: {reason}); проверьте сеть или положите файлы в папку и укажите её.",
    en="The Hugging Face hub does not answer ({what}: {reason}); check the network, or give a local folder instead.",
)
BASE_UNREADABLE = Message(
    ru="Базовая модель {base} не читается ({reason}); нужна папка Hugging Face с config.json и токенизатором или файл "
    "GGUF.",
    en="The base {base} cannot be read ({reason}); give a Hugging Face folder with config.json and tokenizer, or a "
    "GGUF file.",
)
BASE_FOLDER_MISSING = Message(
    ru="Папки с базовой моделью {base} нет; проверьте model.base в рецепте.",
    en="There is no folder {base} with a base model; check the recipe's model.base.",
)
BASE_MISSING = Message(
    ru="Базовой модели {base} нет на диске; скачайте её: python -m models get {name}.",
    en="The base model {base} is not on this machine; fetch it: python -m models get {name}.",
)
NO_EOS = Message(
    ru="В словаре модели {base} нет токена конца {token!r}, без него она не научится останавливаться; возьмите другую "
    "базовую модель или другой prompt_format.",
    en="The tokenizer of {base} lacks the stop token {token!r}, so it could not learn to stop; take another base or "
    "another prompt_format.",
)
DATA_MISSING = Message(
    ru="Файла с данными {path} нет; проверьте путь в рецепте.",
    en="There is no data file {path}; check the recipe's path.",
)
DATA_EMPTY = Message(
    ru="В наборе {path} не осталось ни одной строки (отброшено: {dropped}); проверьте файл и столбцы.",
    en="No row of {path} is left ({dropped} dropped); check the file and its columns.",
)
COLUMNS_MISSING = Message(
    ru="В {path}, строка {row}, нет столбцов задания и ответа (есть: {found}); назовите их в sources.columns.",
    en="{path}, row {row}, has no task and answer columns (it has: {found}); name them in sources.columns.",
)
NOT_JSON = Message(
    ru="Строка {row} в {path} не JSON ({reason}); исправьте её.",
    en="Line {row} of {path} is not JSON ({reason}); correct it.",
)
BREAKS_TEMPLATE = Message(
    ru="Строка {row} в {path} ломает шаблон {template}: {reason}; исправьте её или удалите.",
    en="Row {row} of {path} breaks the template {template}: {reason}; correct or delete it.",
)
DATA_DROPPED = Message(
    ru="{path}: отброшено строк: {count} из {total} ({reasons}); причина каждой в {file}.",
    en="{path}: {count} of {total} rows dropped ({reasons}); the reason of each is in {file}.",
)
NONCOMMERCIAL = Message(
    ru="Набор {path} под лицензией {licence}, только для некоммерческого использования; уберите его из data.sources "
    "или добавьте --allow-noncommercial.",
    en="The set {path} is licensed {licence}, for non-commercial use only; remove it from data.sources, or add "
    "--allow-noncommercial.",
)
LICENCE_UNKNOWN = Message(
    ru="Лицензия набора {path} неизвестна ({licence}); выясните её и впишите в sources.licence, прежде чем публиковать "
    "модель.",
    en="The licence of {path} is not known ({licence}); find it out and write it into sources.licence before you "
    "publish the model.",
)
MINE_MISSING = Message(
    ru="Папки {path} нет; укажите папку с кодом на Python.", en="There is no folder {path}; give one with Python code."
)
MINE_EMPTY = Message(
    ru="В {path} не нашлось ни одной пары «задание и код» (файлов {files}, строк {lines}); нужны комментарии или "
    "докстринги на русском.",
    en="No pair of task and code was found in {path} ({files} files, {lines} lines); it needs Russian comments or "
    "docstrings.",
)
MINE_DONE = Message(
    ru="{out}: пар {pairs}, файлов {files}, на 1000 строк {rate}; лицензии: {licences}.",
    en="{out}: {pairs} pairs from {files} files, {rate} per 1,000 lines; licences: {licences}.",
)
ENDPOINT_FAILED = Message(
    ru="Сервер {endpoint} не ответил как нужно ({reason}); проверьте его и запустите команду снова: готовое сохранено.",
    en="The server {endpoint} did not answer as it should ({reason}); check it and run the command again: what is "
    "finished is kept.",
)
WRITTEN = Message(ru="{out}: строк {count}.", en="{out}: {count} rows.")
TOO_FEW_ROWS = Message(
    ru="Строк в наборе {rows}, а на проверку и тест нужно {held_out}; уменьшите data.validation_rows и test_rows.",
    en="The set has {rows} rows, and {held_out} are to be held out; lower data.validation_rows, test_rows.",
)
SPLIT_EMPTY = Message(
    ru="В части {split} не осталось ни одной строки; почему, сказано в {path}: чаще всего нужно увеличить "
    "data.max_tokens.",
    en="No row is left in the part {split}; {path} says why: most often data.max_tokens has to be raised.",
)
DIVERGED = Message(
    ru="Обучение разошлось: потери перестали быть числом; уменьшите train.learning_rate и добавьте --fresh.",
    en="Training diverged: the loss is no longer a number; lower train.learning_rate and add --fresh.",
)
SDIST_UNREACHABLE = Message(
    ru="Исходники llama-cpp-python {version} не скачиваются ({reason}); положите их архив в {cache}.",
    en="The source of llama-cpp-python {version} cannot be fetched ({reason}); put its archive into {cache}.",
)
SDIST_DAMAGED = Message(
    ru="Архив {path} не тот, что в PyPI для этой версии; удалите его и запустите команду снова.",
    en="The archive {path} is not PyPI's for this version; delete it and run the command again.",
)
CONVERTER_FAILED = Message(
    ru="Преобразование в GGUF не удалось: {reason}; полный вывод в {log}.",
    en="The conversion to GGUF failed: {reason}; the whole output is in {log}.",
)
QUANTISE_FAILED = Message(
    ru="llama.cpp не смогла сжать {path} в {type}; проверьте место на диске и вывод выше.",
    en="llama.cpp could not quantise {path} to {type}; check the disk and the output above.",
)
ADAPTER_UNREADABLE = Message(
    ru="В {path} нет адаптера PEFT ({reason}); укажите папку с adapter_config.json.",
    en="{path} holds no PEFT adapter ({reason}); give a folder with adapter_config.json.",
)
GGUF_REJECTED = Message(
    ru="llama.cpp не открывает {path}; файл повреждён или от другой модели, создайте его заново.",
    en="llama.cpp does not open {path}; it is damaged or of another model, make it again.",
)
PARITY_FAILED = Message(
    ru="Модель в GGUF ведёт себя не так, как обученная: {failures}; подробности в {report}, публиковать её нельзя.",
    en="The GGUF does not behave as the trained model does: {failures}; see {report}, and do not publish it.",
)
STAGE_NOT_DONE = Message(
    ru="Этап {stage} для {run} ещё не выполнен; сначала запустите: python -m finetune --recipe {run} {stage}.",
    en="The stage {stage} of {run} is not done; first run: python -m finetune --recipe {run} {stage}.",
)
SUMMARY_LINE = Message(ru="{stage} {what}  {folder}", en="{stage} {what}  {folder}")
SUMMARY_DONE = Message(ru="готово за {seconds} с", en="done in {seconds} s")
SUMMARY_SKIPPED = Message(ru="уже готово", en="up to date")
UNKNOWN_GPU = Message(
    ru="Видеокарты «{name}» в списке нет; есть: {known}.", en='The GPU "{name}" is not in the list; there are: {known}.'
)
NO_BASE_FOR_ADAPTER = Message(
    ru="Неизвестно, на какой базовой модели обучен {path}; укажите папку с её config.json через --base.",
    en="The base of {path} is not known; give the folder with its config.json by --base.",
)
DROPPED_EMPTY = Message(
    ru="{path}, строка {row}: задание или ответ пусты, строка не взята; допишите её или удалите.",
    en="{path}, row {row}: the task or the answer is empty, so it was left out; complete or delete it.",
)
DROPPED_NOT_UTF8 = Message(
    ru="{path}, строка {row}: не в UTF-8, строка не взята; перекодируйте файл.",
    en="{path}, row {row}: it is not UTF-8, so it was left out; re-encode the file.",
)
DROPPED_NOT_TEXT = Message(
    ru="{path}, строка {row}: задание или ответ не текст, строка не взята; исправьте её.",
    en="{path}, row {row}: the task or the answer is no text, so it was left out; correct it.",
)
DROPPED_NOT_OBJECT = Message(
    ru="{path}, строка {row}: это не объект JSON, строка не взята; исправьте её.",
    en="{path}, row {row}: it is no JSON object, so it was left out; correct it.",
)
DROPPED_BREAKS_TEMPLATE = Message(
    ru="{path}, строка {row}: в тексте стоит {detail}, что ломает шаблон, строка не взята; уберите это из неё.",
    en="{path}, row {row}: its text holds {detail}, which breaks the template, so it was left out; take that out.",
)
DROPPED_MORE = Message(
    ru="Не взято ещё строк: {count}; каждая с причиной в {path}.",
    en="Rows left out besides: {count}; each stands with its reason in {path}.",
)
