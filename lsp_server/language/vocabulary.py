"""Words by which `lsp_server.language.wording` knows what a comment is. Lower case; Russian nouns in the nominative."""

from __future__ import annotations


def _words(*lines: str) -> frozenset[str]:
    return frozenset(" ".join(lines).split())


LEAD_INS = _words(
    "пожалуйста плиз плз пж теперь затем потом далее дальше здесь тут сюда ниже сначала а и ну же ещё еще также",
    "тоже просто быстро быстренько короче кароч крч мне нам тогда значит итак наконец снова опять вот бы то сразу",
    "иначе лучше аккуратно там всё все поэтому ok ок please now then",
)
"""Said before what is asked."""

ASKING = _words(
    "нужно надо нужен нужна нужны необходимо требуется хочу хотелось давай давайте можешь сможешь можете можно",
    "прошу следует помоги попробуй пусть",
)

FUNCTION_HEADS = _words(
    "функция метод декоратор генератор корутина лямбда обработчик хук хелпер фикстура эндпоинт конструктор сеттер",
    "геттер функцию тест свойство замыкание парсер валидатор сортировщик хендлер подпрограмма процедура ф-ция",
    "хэндлер роут роутер ручка вьюха вьюшка сериализатор мидлварь мидлвара",
    "function method decorator generator test helper fixture handler coroutine property",
)
CLASS_HEADS = _words(
    "класс датакласс перечисление исключение синглтон миксин подкласс класс-обёртка dataclass class enum",
    "енум namedtuple",
    "mixin singleton",
)
PROGRAMS = _words(
    "скрипт программа бот сервер клиент конвертер калькулятор таймер планировщик загрузчик логгер фильтр итератор",
    "игра script middleware",
)
OTHER_HEADS = PROGRAMS | _words(
    "цикл запрос условие регулярка выражение алгоритм менеджер код список словарь множество кортеж таблица график",
    "массив матрица переменная константа строка поле кэш счётчик модель форма кнопка окно меню loop query regex",
    "клавиатура столбец колонка очередь стек семафор схема команда рассылка таск воркер пайплайн",
    "обёртка обертка адаптер прокси перехватчик наследник аналог",
)
NAMED_METHODS = _words("алгоритм решето шифр")
"""What is known by its author alone: «алгоритм Дейкстры», «шифр Цезаря»."""

ACTION_NOUNS = _words(
    "подсчёт подсчет расчёт расчет поиск вывод ввод перевод запуск перебор обход разбор выбор вызов сброс возврат",
    "переход отбор замер экспорт обмен опрос показ просмотр пропуск запись чтение сдвиг поворот",
)
"""Actions by nouns that no ending tells."""

THINGS = _words(
    "значение описание сообщение расширение исключение назначение положение название состояние соединение выражение",
    "приложение окончание задание решение отношение изображение уравнение направление здание предложение содержание",
    "объявление требование предупреждение примечание ограничение отклонение основание наказание растение явление",
    "функция позиция информация секция порция опция транзакция операция инструкция коллекция станция организация",
    "комбинация аннотация документация ситуация конструкция лицензия аббревиатура рейтинг строка ссылка метка точка",
    "настройка заметка отметка картинка загадка сетка палка рамка смещение сопоставление страховка упаковка",
)
"""What nouns in the endings of actions name besides: a thing, where the action is meant by its verb."""

AGGREGATES = _words(
    "сумма среднее количество число произведение разность разница медиана мода максимум минимум факториал процент доля",
    "пересечение объединение корень степень",
)
"""What is computed from something."""

SELECTING = _words(
    "самый случайный максимальный минимальный наибольший наименьший первый последний каждый ближайший",
)
"""Adjectives of what has to be found out first."""

MODAL = _words(
    "нечего незачем некуда невозможно нельзя можно должен должна должно должны может могут мог могла могло могли",
)
"""Words that make an infinitive a statement."""

EVALUATING = _words(
    "опасно дорого долго бесполезно достаточно сложно трудно тяжело проще легче интересно полезно желательно рано",
    "нежелательно поздно глупо странно обидно бессмысленно невыгодно удобно удобнее",
)
"""Adverbs that say what something is like, not how it is done: «дорого считать»."""

WITH_INFINITIVE = _words(
    "цель способ время смысл шанс возможность попытка повод право желание необходимость пора план задача идея случай",
    "вариант решение",
)
"""Nouns that an infinitive explains: it does not act on them."""

NUMERALS = _words("две два три четыре пять несколько пара пару")

REASONS = _words("потому поскольку ибо т.к")
"""What gives a remark's reason."""

STATES = _words(
    "видеть знать иметь мочь хотеть помнить надеяться полагать предполагать думать понимать уметь верить бояться",
    "находиться считаться оказаться оказываться попадать попасть предположить допустить допускать храниться",
)
"""Verbs that name no action of code, though «мы» do them."""

LASTING = STATES | _words("хранить")
"""Verbs that tell of what is so already, in the present: «храним в секундах»; the infinitive «хранить» asks."""

MISHAPS = _words(
    "получить потерять словить поймать упасть уйти улететь вылететь выпасть попасть зависнуть застрять сломаться",
    "зациклиться ошибиться промахнуться",
)
"""Perfective verbs of what befalls us: «иначе получим ошибку», «тогда уйдём в цикл»."""

AFTER_HEADS = _words("поэтому ниже выше тут здесь как")
"""What follows the name of a thing that is there: «код ниже не мой», «метод как в родителе»."""

SUBORDINATING = _words(
    "если когда пока чтобы чтоб потому так что где куда откуда который которая которое которые хотя поскольку раз ибо",
    "кто как",
)

NO_REQUEST_STARTS = _words(
    "смотри смотрите см обрати обратите помни помните учти учтите запомни запомните подумай осторожно внимание",
    "важно примечание замечание заметка заметим обратим раскомментируй раскомментируйте закомментируй",
    "закомментируйте напоминаю почитай почитайте прочти источник взято спасибо ссылка подробнее костыль хак",
    "временно временный временное временная заглушка баг устарело устаревший устаревшая legacy потому поскольку",
    "этот эта это эти такой такая раньше сейчас уже пока почему зачем кто где автор редактировать запускать",
    "запускайте используется используются отключено отключаем note warning hack deprecated nb ps p.s пс имхо",
    "возможно вероятно кажется видимо например т.е то-есть иногда обычно чтобы увы кстати не нет никогда нельзя",
    "работа конец начало раздел часть глава так кодировка версия может стоит почему-то непонятно",
)
"""What begins a remark, a warning or an explanation."""

NO_CODE_TASKS = _words(
    "подумать разобраться обсудить спросить уточнить выяснить узнать договориться почитать подождать решить понять",
    "рефакторинг отрефакторить оптимизировать переписать дождаться документировать задокументировать покрыть",
    "доделать допилить посмотреть изучить расследовать согласовать отревьюить выпилить улучшить ускорить",
    "перепроверить",
)
"""Tasks of a TODO that are no request for new code at this place."""

OWN = _words("свой ваш твой")
PUTTING_IN = _words("вставить подставить указать вписать ввести прописать")
REPLACING = _words("заменить поменять сменить изменить")
"""Verbs that ask whoever reads for something of their own: «вставьте свой токен», «поменять на ваш путь»."""

PUT_AWAY = _words("удалить убрать выпилить стереть раскомментировать закомментировать включить выключить вернуть")
"""What people do to a piece of code, besides what code does to things: «удалить перед релизом»."""

THIS = _words("это этот эту эти")
BEFORE_STAGES = _words("перед после до для")
STAGES = _words(
    "релиз деплой прод продакшен тест тестирование отладка мердж мерж демо сдача ревью показ защита миграция",
)
"""Stages in the life of a program: «перед релизом», «для отладки»."""

POSTPONED = _words(
    "релиза релизе релизом потом позже версии спринте спринт тикет jira когда-нибудь миграции после",
)

ENGLISH_VERBS = _words(
    "add append apply ask assert assign build calculate call check choose clean clear close collect combine compare",
    "compute concatenate connect convert copy count create decode define delete detect divide download draw encode",
    "ensure extract fetch fill filter find flatten format generate get group handle implement initialize insert",
    "iterate join load log loop make map merge multiply normalize open parse plot print process raise read receive",
    "remove rename replace return reverse round run save scan search select send set shuffle skip sort split start",
    "store strip sum swap test transform translate update use validate wait write yield",
)
ENGLISH_GRAMMAR = _words("a an the is are was be been of to with that this these it its as at by which")
"""Words that only an English sentence has: terms among Russian words bring none of them."""

NO_REQUEST_ENGLISH = _words(
    "note warning see this these that it we the-above because since hack deprecated when where",
)

REMARK_WORDS = _words(
    "всегда никогда обычно почему-то непонятно зачем раньше видимо похоже вроде наверное именно лучше хуже быстрее",
    "только-что деле прошлом прошлый умолчанию аналогично важно нельзя можно легаси",
)
"""Words of remarks, wherever they stand in a phrase without a verb."""
