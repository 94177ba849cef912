"""Every text of this package that a user may see, in Russian and English: one sentence that ends with the next step."""

from __future__ import annotations

from models.messages import Message

# Settings
SETTING_BAD_VALUE = Message(
    ru="Настройка {name}: значение {value} не подходит (нужно: {expected}), действует {default}; исправьте её.",
    en="Setting {name}: {value} does not fit (expected {expected}), {default} is used; please correct it.",
)
SETTINGS_NOT_AN_OBJECT = Message(
    ru="Раздел настроек kodopis не похож на список имён и значений, действуют настройки по умолчанию; исправьте его.",
    en="The settings section kodopis is not an object, the defaults are used; please correct it.",
)
SETTINGS_NOT_TRUSTED = Message(
    ru="Папка недоверенная, поэтому не действуют: {names}; задайте их в своих настройках или сделайте её доверенной.",
    en="The folder is not trusted, so these are ignored: {names}; set them in your own settings or trust the folder.",
)
TYPE_URL = Message(ru="адрес вида http://127.0.0.1:8080", en="an address such as http://127.0.0.1:8080")
TYPE_STRING = Message(ru="строка", en="a string")
TYPE_BOOL = Message(ru="true или false", en="true or false")
TYPE_INT = Message(ru="целое число", en="an integer")
TYPE_NUMBER = Message(ru="число", en="a number")

# The engine, as the server tells of it
ENGINE_RESTARTED = Message(
    ru="Движок модели упал и запущен снова; если это повторится, выполните «kodopis doctor».",
    en="The model's engine crashed and was started again; if it happens again, run “kodopis doctor”.",
)
ENGINE_KEEPS_CRASHING = Message(
    ru="Движок модели падает снова и снова; выполните «kodopis doctor» и перезапустите движок.",
    en="The model's engine keeps crashing; run “kodopis doctor” and restart the engine.",
)
MODEL_NOT_INSTALLED = Message(
    ru="Модель {title} ещё не скачана; выполните команду «Кодопись: Скачать модель» или «kodopis models get {id}».",
    en="The model {title} is not downloaded yet; run “Kodopis: Download Model” or “kodopis models get {id}”.",
)
MODEL_AWAITED = Message(
    ru="Модели {title} пока нет; ответьте на вопрос редактора, скачать ли её, или дождитесь, пока она скачается.",
    en="The model {title} is not here yet; answer your editor's question whether to download it, or wait for it.",
)
DOWNLOAD_QUESTION = Message(
    ru="Скачать модель {title}? Размер {size}, лицензия {licence}, источник {source}. Дальше всё работает без сети.",
    en="Download the model {title}? Size {size}, licence {licence}, from {source}. Then everything works offline.",
)
GIGABYTES = Message(ru="{size} ГБ", en="{size} GB")
DOWNLOAD_YES = Message(ru="Скачать", en="Download")
DOWNLOAD_NO = Message(ru="Не сейчас", en="Not now")
DOWNLOADED = Message(ru="{done} из {total} МБ", en="{done} of {total} MB")
DOWNLOAD_TITLE = Message(ru="Кодопись: скачивается {title}", en="Kodopis: downloading {title}")
DOWNLOAD_FAILED = Message(
    ru="Модель {title} не скачалась: {reason}",
    en="The model {title} was not downloaded: {reason}",
)
DOWNLOAD_UNEXPLAINED = Message(
    ru="причина не названа; повторите в терминале «kodopis models get {id}».",
    en="no reason was given; try “kodopis models get {id}” in a terminal.",
)
DOWNLOAD_CANCELLED = Message(
    ru="Скачивание отменено; продолжить его можно командой «kodopis models get {id}».",
    en="The download was cancelled; “kodopis models get {id}” goes on with it.",
)
ENDPOINT_QUESTION = Message(
    ru="Отправлять код открытых файлов на сервер {endpoint}? Так указано в вашей настройке kodopis.endpoint.",
    en="Send the code of open files to the server {endpoint}? Your setting kodopis.endpoint asks for it.",
)
ENDPOINT_YES = Message(ru="Отправлять", en="Send")
ENDPOINT_NO = Message(ru="Нет", en="No")
CONSENT_AWAITED = Message(
    ru="Сервер {endpoint} пока не используется; ответьте на вопрос редактора, отправлять ли на него код.",
    en="The server {endpoint} is not used yet; answer your editor's question whether to send code to it.",
)
ENDPOINT_REFUSED = Message(
    ru="Сервер {endpoint} не используется, вы его не разрешили; уберите настройку kodopis.endpoint или разрешите.",
    en="The server {endpoint} is not used, you did not allow it; clear the setting kodopis.endpoint or allow it.",
)
LOADING_TITLE = Message(ru="Кодопись: загружается {title}", en="Kodopis: loading {title}")
SECONDS = Message(ru="{count} с", en="{count} s")
THINKING_TITLE = Message(ru="Кодопись: пишется код", en="Kodopis: writing code")
EXPLAINING_TITLE = Message(ru="Кодопись: пишется объяснение", en="Kodopis: explaining")
EXTRA_MISSING = Message(
    ru='Движок не установлен: выполните «pip install "kodopis[engine]"» или задайте kodopis.endpoint.',
    en='The engine is not installed: run “pip install "kodopis[engine]"” or set kodopis.endpoint.',
)
NO_FORMAT_FOR_KIND = Message(
    ru="Модель {model} не отвечает на такие запросы ({kind}); выберите другую модель командой «kodopis models list».",
    en="The model {model} does not answer such requests ({kind}); choose another with “kodopis models list”.",
)

UNKNOWN_PROMPT_FORMAT = Message(
    ru="Нет формата запроса {name}; выберите в kodopis.promptFormat один из: auto, {known}.",
    en="There is no prompt format {name}; choose one of these for kodopis.promptFormat: auto, {known}.",
)

# Documents and commands
NOT_OPEN = Message(
    ru="Файл {uri} не открыт в редакторе; откройте его и повторите.",
    en="The file {uri} is not open in the editor; open it and try again.",
)
NOT_PYTHON = Message(
    ru="Кодопись пишет код только на Python, а это {language}; откройте файл .py.",
    en="Kodopis writes Python only, and this is {language}; open a .py file.",
)
BAD_ARGUMENT = Message(
    ru="Команда {command}: не подходит аргумент {name}; обновите расширение редактора.",
    en="Command {command}: the argument {name} does not fit; please update the editor's extension.",
)
NOTHING_SELECTED = Message(ru="Ничего не выделено; выделите код и повторите.", en="Nothing is selected; select code.")
NO_FUNCTION_HERE = Message(
    ru="Здесь нет ни функции, ни класса; поставьте курсор внутрь нужного определения и повторите.",
    en="There is no function or class here; put the cursor inside one and try again.",
)
DOCUMENT_CHANGED = Message(
    ru="Пока писался ответ, файл изменился, правка не внесена; повторите команду.",
    en="The file changed while the answer was written, nothing was edited; run the command again.",
)
EMPTY_ANSWER = Message(
    ru="Модель не дала кода; переформулируйте задание и повторите.",
    en="The model gave no code; put the task in other words and try again.",
)
EMPTY_EXPLANATION = Message(
    ru="Модель ничего не ответила; выделите другой кусок кода и повторите.",
    en="The model answered nothing; select another piece of code and try again.",
)
NOTHING_TO_FIX = Message(
    ru="Модель ничего не изменила в этом коде; выделите больше кода или опишите ошибку в комментарии и повторите.",
    en="The model changed nothing in this code; select more of it, or describe the mistake in a comment and try again.",
)
ANSWER_CUT = Message(
    ru="Ответ длиннее, чем модель пишет за один раз, правка не внесена; выделите меньше кода и повторите.",
    en="The answer is longer than the model writes at once, nothing was edited; select less code and try again.",
)
ANSWER_SUPERSEDED = Message(
    ru="Ответ прерван более новой командой для этого файла; повторите команду, если ответ ещё нужен.",
    en="A newer command for this file ended the answer; run the command again if you still need it.",
)
EXPLANATION_CUT = Message(
    ru="Объяснение длиннее, чем модель пишет за один раз, и оборвано; выделите меньше кода.",
    en="The explanation is longer than the model writes at once and was cut; select less code.",
)
LEFT_OUT = Message(
    ru="Объяснено не всё: модель прочла только начало выделения (строк: {read} из {total}).",
    en="Not everything is covered: the model read the first {read} lines of {total} selected.",
)
SELECTION_TOO_LONG = Message(
    ru="Выделено слишком много: модель прочтёт разом до {read} строк; выделите меньше и повторите.",
    en="Too much is selected: the model reads up to {read} lines at once; select less and try again.",
)
NOT_A_FILE = Message(
    ru="Тесты пишутся рядом с файлом .py, а этот код ещё не в файле; сохраните его в файл .py и повторите.",
    en="Tests are written beside a .py file, and this code is in none yet; save it as a .py file and try again.",
)
NOT_A_MODULE_NAME = Message(
    ru="Файл {name} нельзя импортировать по имени; переименуйте его (буквы, цифры и _) и повторите.",
    en="The file {name} cannot be imported by its name; rename it (letters, digits and _) and try again.",
)
TESTS_FILE_UNREADABLE = Message(
    ru="Файл тестов {path} не читается ({reason}); откройте его в редакторе или сохраните в UTF-8 и повторите.",
    en="The file of tests {path} cannot be read ({reason}); open it in your editor or save it as UTF-8, and try again.",
)
ACTION_WRITE = Message(ru="Кодопись: написать код по комментарию", en="Kodopis: write code by this comment")
ACTION_EXPLAIN = Message(ru="Кодопись: объяснить выделенное", en="Kodopis: explain the selection")
ACTION_FIX = Message(ru="Кодопись: исправить", en="Kodopis: fix")
ACTION_DOCSTRING = Message(ru="Кодопись: написать докстринг", en="Kodopis: write a docstring")
ACTION_TESTS = Message(ru="Кодопись: написать тесты", en="Kodopis: write tests")

# Engine
ENGINE_UNREACHABLE = Message(
    ru="Модель не отвечает по адресу {url}: проверьте адрес в настройке kodopis.endpoint и что сервер запущен.",
    en="Nothing answers at {url}: check the address in the setting kodopis.endpoint, and that the server runs.",
)
CERTIFICATES_UNREADABLE = Message(
    ru="Сертификаты не читаются ({reason}): проверьте переменные SSL_CERT_FILE и SSL_CERT_DIR.",
    en="The certificates cannot be read ({reason}): check the variables SSL_CERT_FILE and SSL_CERT_DIR.",
)
ENGINE_UNAUTHORIZED = Message(
    ru="Сервер {url} не принял ключ: задайте верный ключ в переменной KODOPIS_API_KEY и перезапустите редактор.",
    en="{url} did not accept the key: set the right one in KODOPIS_API_KEY and restart the editor.",
)
ENGINE_LOADING = Message(
    ru="Модель ещё загружается: повторите запрос через несколько секунд.",
    en="The model is still loading: ask again in a few seconds.",
)
ENGINE_STALLED = Message(
    ru="Модель слишком долго молчит: повторите запрос или выберите модель поменьше (kodopis models list).",
    en="The model has been silent for too long: ask again, or choose a smaller model (kodopis models list).",
)
ENGINE_DIED = Message(
    ru="Процесс модели оборвал ответ: повторите запрос, модель запустится снова.",
    en="The model's process broke off its answer: ask again, it will be started anew.",
)
ENGINE_REFUSED = Message(
    ru="Сервер модели не понял запрос ({detail}): проверьте, что kodopis.endpoint указывает на llama.cpp или vLLM.",
    en="The model's server did not accept the request ({detail}): check that kodopis.endpoint is llama.cpp or vLLM.",
)
ENGINE_FAILED = Message(
    ru="Модель не смогла ответить ({detail}): остановите её командой kodopis stop и повторите запрос.",
    en="The model failed to answer ({detail}): stop it with kodopis stop and ask again.",
)
CONTEXT_TOO_LONG = Message(
    ru="Запрос не помещается в контекст модели ({detail}): сократите выделение или увеличьте kodopis.nCtx.",
    en="The request does not fit the model's context ({detail}): select less, or raise kodopis.nCtx.",
)
ENDPOINT_INSECURE = Message(
    ru="Адрес {url} без https отправил бы ваш код открытым текстом: укажите https-адрес в kodopis.endpoint.",
    en="{url} without https would send your code in the clear: give an https address in kodopis.endpoint.",
)
ENDPOINT_UNKNOWN = Message(
    ru="По адресу {url} отвечает не сервер модели: укажите в kodopis.endpoint сервер llama.cpp или vLLM.",
    en="What answers at {url} is no model server: set kodopis.endpoint to a llama.cpp or vLLM server.",
)
MODEL_FILE_MISSING = Message(
    ru="Нет файла модели {path}: скачайте модель командой kodopis models get.",
    en="There is no model file {path}: fetch the model with kodopis models get.",
)
MODEL_UNREADABLE = Message(
    ru="Файл модели {title} не читается ({reason}): проверьте права и диск и повторите запрос.",
    en="The file of the model {title} cannot be read ({reason}): check the permissions and the disk, and ask again.",
)
MODEL_DAMAGED = Message(
    ru="Файл модели {path} повреждён или не подходит ({detail}): проверьте его командой kodopis models verify.",
    en="The model file {path} is damaged or not supported ({detail}): check it with kodopis models verify.",
)
ADAPTER_DAMAGED = Message(
    ru="Адаптер не подходит к модели ({detail}): выберите другой в настройке kodopis.adapter или поставьте none.",
    en="The adapter does not fit the model ({detail}): choose another in kodopis.adapter, or none.",
)
OUT_OF_MEMORY = Message(
    ru="Модели {path} не хватило памяти: закройте лишнее, уменьшите kodopis.nCtx или выберите модель поменьше.",
    en="There is not enough memory for {path}: close something, lower kodopis.nCtx, or choose a smaller model.",
)
LLAMA_CPP_MISSING = Message(
    ru='Не установлен llama-cpp-python: выполните pip install "kodopis[engine]" или задайте kodopis.endpoint.',
    en='llama-cpp-python is not installed: run pip install "kodopis[engine]", or set kodopis.endpoint.',
)
PORT_TAKEN = Message(
    ru="Процесс модели не смог занять порт ({detail}): повторите запрос, он выберет другой.",
    en="The model's process could not get a port ({detail}): ask again, it will take another.",
)
ENGINE_ILLEGAL_INSTRUCTION = Message(
    ru="llama.cpp собрана с командами, которых этот процессор не выполняет. Соберите её заново: CMAKE_ARGS="
    '"-DCMAKE_C_FLAGS=-U__AMX_INT8__ -DCMAKE_CXX_FLAGS=-U__AMX_INT8__" '
    "pip install --force-reinstall --no-cache-dir llama-cpp-python",
    en="llama.cpp was built with instructions that this processor does not carry out. Build it anew: CMAKE_ARGS="
    '"-DCMAKE_C_FLAGS=-U__AMX_INT8__ -DCMAKE_CXX_FLAGS=-U__AMX_INT8__" '
    "pip install --force-reinstall --no-cache-dir llama-cpp-python",
)
ENGINE_START_FAILED = Message(
    ru="Процесс модели не запустился ({detail}): выполните kodopis doctor, он покажет причину.",
    en="The model's process did not start ({detail}): run kodopis doctor to see why.",
)
DATA_UNWRITABLE = Message(
    ru="Папка данных {path} недоступна ({reason}): освободите место или проверьте права и повторите запрос.",
    en="The data folder {path} cannot be used ({reason}): make room or check the permissions, and ask again.",
)
ENGINE_KEEPS_DYING = Message(
    ru="Процесс модели падает раз за разом: посмотрите журнал в {log} и выберите другую модель.",
    en="The model's process keeps crashing: look at the log in {log}, and choose another model.",
)

# The command line
HELP_KODOPIS = Message(
    ru="Кодопись: русский комментарий становится кодом на Python, без сети.",
    en="Kodopis: a Russian comment becomes Python code, offline.",
)
HELP_VERSION = Message(ru="показать версию", en="show the version")
HELP_SERVE = Message(
    ru="языковой сервер для редактора (команда по умолчанию)", en="language server for an editor (the default)"
)
HELP_STDIO = Message(ru="работать через stdin и stdout (по умолчанию)", en="serve over stdin and stdout (default)")
HELP_TCP = Message(
    ru="ждать редактор по TCP; только адреса этой машины", en="wait for an editor on TCP; this machine's addresses only"
)
HELP_LOG = Message(ru="писать журнал в этот файл, а не в stderr", en="write the log into this file, not to stderr")
HELP_VERBOSE = Message(ru="подробный журнал", en="log more")
HELP_ASK = Message(ru="код по инструкции, на экран", en="code for an instruction, on the screen")
HELP_ASK_INSTRUCTION = Message(
    ru="что написать; без неё действует комментарий в строке --line", en="what to write; else the comment on --line"
)
HELP_ASK_FILE = Message(ru="файл, для которого нужен код", en="the file that the code is for")
HELP_ASK_LINE = Message(
    ru="номер строки, после которой встанет код (с 1; по умолчанию конец файла)",
    en="the number of the line that the code comes after (from 1; default: the file's end)",
)
HELP_ASK_MODEL = Message(
    ru="модель: имя из каталога или путь к файлу GGUF", en="model: an id from the catalog, or a GGUF file"
)
HELP_ASK_ENDPOINT = Message(
    ru="сервер llama.cpp или OpenAI вместо движка на этой машине",
    en="a llama.cpp or OpenAI server instead of this machine's engine",
)
HELP_ASK_TOKENS = Message(ru="самый длинный ответ в токенах", en="the longest answer, in tokens")
HELP_AS_JSON = Message(ru="ответ одной строкой JSON", en="answer as one line of JSON")
HELP_DOCTOR = Message(ru="проверить установку и измерить скорость", en="check the installation and measure its speed")
HELP_STATUS = Message(ru="какие движки запущены", en="which engines run")
HELP_STOP = Message(ru="остановить все движки", en="stop all engines")
TCP_ADDRESS = Message(
    ru="--tcp ждёт адрес этой машины вида 127.0.0.1:2087, а не {address}; исправьте адрес.",
    en="--tcp wants an address of this machine such as 127.0.0.1:2087, not {address}; correct it.",
)
ENDPOINT_ADDRESS = Message(
    ru="--endpoint ждёт адрес вида http://127.0.0.1:8080, а не {address}; исправьте адрес.",
    en="--endpoint wants an address such as http://127.0.0.1:8080, not {address}; correct it.",
)
MAX_TOKENS = Message(
    ru="--max-tokens ждёт число от {minimum} до {maximum}, а не {value}; исправьте его.",
    en="--max-tokens wants a number from {minimum} to {maximum}, not {value}; correct it.",
)
LOG_UNWRITABLE = Message(
    ru="Журнал {path} не открывается ({reason}); укажите в --log файл в папке, которая есть.",
    en="The log {path} cannot be opened ({reason}); give --log a file in a folder that exists.",
)
TCP_TAKEN = Message(
    ru="Адрес {address} занят или недоступен ({reason}); выберите другой порт.",
    en="The address {address} is taken or out of reach ({reason}); choose another port.",
)
FILE_UNREADABLE = Message(
    ru="Файл {path} не читается ({reason}); проверьте путь и что он в UTF-8 или называет свою кодировку.",
    en="The file {path} cannot be read ({reason}); check the path, and that it is UTF-8 or names its encoding.",
)
ASK_NOTHING = Message(
    ru="Нечего писать: задайте инструкцию или --file и --line с комментарием.",
    en="Nothing to write: give an instruction, or --file and --line with a comment.",
)
STATUS_NONE = Message(
    ru="Движки не запущены; они запускаются сами, когда нужны.", en="No engines run; they start when they are needed."
)
STATUS_LINE = Message(
    ru="{model}: процесс {pid}, порт {port}, {memory} МБ памяти",
    en="{model}: process {pid}, port {port}, {memory} MB of memory",
)
STOPPED = Message(ru="Остановлено движков: {count}.", en="Engines stopped: {count}.")
DOCTOR_PYTHON = Message(ru="Python {version} на {platform}", en="Python {version} on {platform}")
DOCTOR_MACHINE = Message(ru="Машина: ядер {cores}, памяти {memory} ГБ", en="Machine: {cores} cores, {memory} GB memory")
DOCTOR_KODOPIS = Message(ru="Кодопись {version}, данные в {home}", en="Kodopis {version}, data in {home}")
DOCTOR_ENGINE = Message(ru="Движок: llama-cpp-python {version}", en="Engine: llama-cpp-python {version}")
DOCTOR_ENGINE_NONE = Message(ru="Движок: не установлен", en="Engine: not installed")
DOCTOR_MODEL = Message(ru="Модель для этой машины: {title} ({id})", en="Model for this machine: {title} ({id})")
DOCTOR_FILE = Message(ru="  файл {path}\n  SHA-256 {sha256}", en="  file {path}\n  SHA-256 {sha256}")
DOCTOR_NO_FILE = Message(ru="  ещё не скачана", en="  not downloaded yet")
DOCTOR_ADAPTER = Message(
    ru="Адаптер: {id}, сила {scale}, SHA-256 {sha256}", en="Adapter: {id}, scale {scale}, SHA-256 {sha256}"
)
ENDPOINT_WITHOUT_ADAPTER = Message(
    ru="Сервер {endpoint} не загрузил адаптер {adapter}, отвечает его модель: передайте адаптер при запуске (--lora).",
    en="The server {endpoint} has not loaded the adapter {adapter}, its model answers: give it at its start (--lora).",
)
DOCTOR_NO_ADAPTER = Message(ru="Адаптер: нет", en="Adapter: none")
DOCTOR_SPEED = Message(
    ru="Скорость: чтение запроса {prefill} токенов/с, генерация {decode} токенов/с",
    en="Speed: prefill {prefill} tokens/s, decode {decode} tokens/s",
)
DOCTOR_NEXT_EXTRA = Message(
    ru='Дальше: pip install "kodopis[engine]" (или задайте в редакторе kodopis.endpoint).',
    en='Next: pip install "kodopis[engine]" (or set kodopis.endpoint in the editor).',
)
DOCTOR_NEXT_MODEL = Message(ru="Дальше: kodopis models get {id}", en="Next: kodopis models get {id}")
DOCTOR_NEXT_SLOW = Message(
    ru="Дальше: машина медленная, выберите модель поменьше: kodopis models list",
    en="Next: the machine is slow, choose a smaller model: kodopis models list",
)
DOCTOR_NEXT_LOG = Message(
    ru="Дальше: посмотрите журнал движка в {log}: он не запустился ({detail}).",
    en="Next: look at the engine's log in {log}: it did not start ({detail}).",
)
DOCTOR_NEXT_NONE = Message(
    ru="Всё готово: откройте файл .py в редакторе и напишите комментарий.",
    en="All is ready: open a .py file in your editor and write a comment.",
)
