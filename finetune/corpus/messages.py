"""What the checker says to authors of tasks, in two languages."""

from __future__ import annotations

from models.messages import Message

UNREADABLE = Message(
    ru="файл не читается как YAML ({reason}); исправьте разметку",
    en="the file cannot be read as YAML ({reason}); mend the markup",
)
NOT_A_LIST = Message(
    ru="файл должен быть списком заданий (`- id: …`)", en="the file must be a list of tasks (`- id: …`)"
)
NOT_A_TASK = Message(
    ru="запись списка должна быть заданием с ключом `id`", en="a list entry must be a task with an `id`"
)
UNKNOWN_KEY = Message(ru="неизвестный ключ «{key}»; допустимы: {known}", en='unknown key "{key}"; allowed are: {known}')
DUPLICATE_KEY = Message(ru="ключ «{key}» повторяется; оставьте один", en='the key "{key}" is repeated; leave one')
MISSING_KEY = Message(ru="нет ключа «{key}»; добавьте его", en='the key "{key}" is missing; add it')
NOT_TEXT = Message(ru="«{key}» должен быть текстом", en='"{key}" must be text')
EMPTY = Message(ru="«{key}» пуст; заполните его", en='"{key}" is empty; fill it in')
NOT_LITERAL = Message(
    ru="«{key}» запишите литеральным блоком (`{key}: |`)", en='write "{key}" as a literal block (`{key}: |`)'
)
BAD_ID = Message(
    ru="id «{id}» должен иметь вид «{domain}-слова-через-дефис» латиницей в нижнем регистре",
    en='the id "{id}" must look like "{domain}-words-with-dashes", lower-case Latin',
)
DUPLICATE_ID = Message(
    ru="id «{id}» уже занят: {where}; выберите другой", en='the id "{id}" is taken: {where}; choose another'
)
FEW_PHRASINGS = Message(
    ru="формулировок {count}, нужно не меньше {least}", en="there are {count} phrasings, at least {least} are needed"
)
NOT_RUSSIAN = Message(ru="формулировка не на русском: «{text}»", en='the phrasing is not in Russian: "{text}"')
CUT_BY_COMMENT = Message(
    ru="YAML принял конец формулировки за комментарий: «{text}»; возьмите её в кавычки",
    en='YAML took the end of the phrasing for a comment: "{text}"; put it in quotes',
)
LONG_LINE = Message(
    ru="строка длиннее {most} знаков; перенесите её", en="a line is longer than {most} characters; break it"
)
BAD_SYNTAX = Message(ru="«{key}» — не Python: {reason}", en='"{key}" is not Python: {reason}')
UNKNOWN_PACKAGE = Message(
    ru="«requires» должен быть списком из {known}, а в нём: {found}",
    en='"requires" must list some of {known}; found: {found}',
)
NOT_REQUIRED = Message(
    ru="импортируется {name}; добавьте `requires: [{name}]`", en="{name} is imported; add `requires: [{name}]`"
)
NOT_INSTALLED = Message(
    ru="не проверены, пока нет пакета {name} (pip install {name}): {ids}",
    en="not checked, {name} is missing (pip install {name}): {ids}",
)
NO_ASSERT = Message(ru="в «tests» нет ни одного assert", en='there is no assert in "tests"')
ALIKE = Message(
    ru="«{id}»: формулировки почти совпадают ({share:.2f}): «{one}» и «{other}»; перепишите одну",
    en='"{id}": phrasings are nearly the same ({share:.2f}): "{one}" and "{other}"; rewrite one',
)
NOT_FORMATTED = Message(
    ru="«{id}»: код отформатирован не так, как ruff format:\n{diff}",
    en='"{id}": the code is not formatted as ruff format does it:\n{diff}',
)
LINT = Message(ru="«{id}»: ruff: {text}", en='"{id}": ruff: {text}')
FAILS = Message(
    ru="«{id}»: тесты не проходят на эталоне: {error}", en='"{id}": the tests fail on the reference: {error}'
)
WEAK_TESTS = Message(
    ru="«{id}»: тесты отличают от эталона {killed} из {mutants} искажений; добавьте проверки (--verbose покажет какие)",
    en='"{id}": the tests tell {killed} of {mutants} mutants from the reference; add asserts (--verbose shows which)',
)
WEAK_CORPUS = Message(
    ru="тесты заметили {score:.1%} искажений, нужно не меньше {least:.0%}",
    en="{score:.1%} of the mutants killed, at least {least:.0%} needed",
)
MANY_ALIKE = Message(
    ru="почти повторяют формулировку другого задания {rate:.1%}, допустимо {most:.0%}",
    en="{rate:.1%} nearly repeat a phrasing of another task, {most:.0%} allowed",
)
SUMMARY = Message(
    ru="заданий {tasks}, формулировок {phrasings} (похожих {rate:.2%}), проверено сейчас {checked}, "
    "искажений замечено {killed} из {mutants} ({score:.1%})",
    en="{tasks} tasks, {phrasings} phrasings (alike {rate:.2%}), checked now {checked}, "
    "mutants killed {killed} of {mutants} ({score:.1%})",
)
SURVIVED = Message(
    ru="«{id}»: уцелело искажение, строка {line}: {what}", en='"{id}": a mutant survived, line {line}: {what}'
)
NO_FILES = Message(
    ru="нет файла {path}; назовите файл corpus/<domain>.yaml", en="no file {path}; name a corpus/<domain>.yaml"
)
NO_RUFF = Message(
    ru="не найден ruff; установите его: pip install ruff", en="ruff is not installed; run pip install ruff"
)
DOES_NOT_RUN = Message(
    ru="«{id}»: верный код не выполняется до конца: {error}",
    en='"{id}": the good code does not run to its end: {error}',
)
NOT_BROKEN = Message(
    ru="«{id}»: тесты проходят и на сломанном коде; добавьте проверку ошибки",
    en='"{id}": the tests pass on the broken code too; add an assert that sees the mistake',
)
SAME_AS = Message(
    ru="«{id}» почти повторяет «{other}»; перепишите или уберите",
    en='"{id}" nearly repeats "{other}"; rewrite or drop it',
)
SAME_OPENING = Message(
    ru="«{id}»: так («{words}…») начинаются больше {most} объяснений; начните иначе",
    en='"{id}": more than {most} explanations begin like this ("{words}…"); begin differently',
)
CODE_LINES = Message(
    ru="«{id}»: строк в коде {count}, нужно от {least} до {most}",
    en='"{id}": the code has {count} lines, {least} to {most} are wanted',
)
EXPLANATION_CHARS = Message(
    ru="«{id}»: знаков в объяснении {count}, нужно от {least} до {most}",
    en='"{id}": the explanation has {count} characters, {least} to {most} are wanted',
)
EXPLANATION_SENTENCES = Message(
    ru="«{id}»: предложений в объяснении {count}, нужно от {least} до {most} или список",
    en='"{id}": the explanation has {count} sentences, {least} to {most} or a list are wanted',
)
NO_NAME = Message(
    ru="«{id}»: объяснение не называет ни одного имени из кода; заключите его в обратные кавычки",
    en='"{id}": the explanation names nothing of the code; put a name into backticks',
)
OTHER_SUMMARY = Message(
    ru="{name}: записей {count}, проверено сейчас {checked}", en="{name}: {count} entries, checked now {checked}"
)
