"""Words by which `lsp_server.wording` knows what a comment is. Lower case; Russian nouns in the nominative."""

from __future__ import annotations


def _words(*lines: str) -> frozenset[str]:
    return frozenset(" ".join(lines).split())


LEAD_INS = _words(
    "пожалуйста плиз плз пж теперь затем потом далее дальше здесь тут сюда ниже сначала а и ну же ещё еще также",
    "тоже просто быстро быстренько короче кароч мне нам тогда значит итак наконец снова опять вот бы то сразу иначе",
    "лучше аккуратно там всё все ok ок please now then",
)
"""Said before what is asked."""

ASKING = _words(
    "нужно надо нужен нужна нужны необходимо требуется хочу хотелось давай давайте можешь сможешь можете можно",
    "прошу следует помоги попробуй пусть",
)

FUNCTION_HEADS = _words(
    "функция метод декоратор генератор корутина лямбда обработчик хук хелпер фикстура эндпоинт конструктор сеттер",
    "геттер функцию тест юнит-тест свойство замыкание парсер валидатор сортировщик хендлер подпрограмма процедура",
    "function method decorator generator test helper fixture handler coroutine property",
)
CLASS_HEADS = _words(
    "класс датакласс перечисление исключение синглтон миксин подкласс класс-обёртка dataclass class enum",
    "енум namedtuple",
    "mixin singleton",
)
OTHER_HEADS = _words(
    "скрипт программа цикл запрос условие регулярка выражение алгоритм бот менеджер код список словарь множество",
    "кортеж таблица график массив матрица переменная константа строка script loop query regex",
)

NO_REQUEST_STARTS = _words(
    "смотри смотрите см обрати обратите помни помните учти учтите запомни запомните подумай осторожно внимание",
    "важно примечание замечание заметка заметим обратим раскомментируй раскомментируйте закомментируй",
    "закомментируйте напоминаю почитай почитайте прочти источник взято спасибо ссылка подробнее костыль хак",
    "временно временный временное временная заглушка баг устарело устаревший устаревшая legacy потому поскольку",
    "этот эта это эти такой такая раньше сейчас уже пока почему зачем кто где когда автор редактировать запускать",
    "запускайте используется используются отключено отключаем note warning hack deprecated nb ps p.s пс имхо",
    "возможно вероятно кажется видимо например т.е то-есть иногда обычно чтобы увы кстати не нет никогда нельзя",
    "конец начало раздел часть глава так кодировка версия может стоит почему-то непонятно",
)
"""What begins a remark, a warning or an explanation."""

NO_CODE_TASKS = _words(
    "подумать разобраться обсудить спросить уточнить выяснить узнать договориться почитать подождать решить понять",
    "рефакторинг отрефакторить оптимизировать переписать дождаться документировать задокументировать покрыть",
    "доделать допилить посмотреть изучить расследовать согласовать отревьюить выпилить улучшить ускорить",
    "перепроверить",
)
"""Tasks of a TODO that are no request for new code at this place."""

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
NO_REQUEST_ENGLISH = _words(
    "note warning see this these that it we the-above because since hack deprecated when where",
)

REMARK_WORDS = _words(
    "всегда никогда обычно почему-то непонятно зачем раньше видимо похоже вроде наверное именно лучше хуже быстрее",
    "только-что деле прошлом прошлый аналогично важно нельзя можно легаси",
)
"""Words of remarks, wherever they stand in a phrase without a verb."""
