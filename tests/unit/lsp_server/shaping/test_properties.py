"""Whatever a model streams: the edit applies, nothing outside its range changes, partials are prefixes of the end."""

from __future__ import annotations

from hypothesis import HealthCheck, event, given, settings
from hypothesis import strategies as st

from lsp_server.request import instruction
from lsp_server.shaping import Shaper, Suggestion
from lsp_server.source.document import Place, Source
from lsp_server.source.syntax import count_errors, parses

LINES = st.sampled_from(
    [
        "def f(xs):",
        "class A:",
        "    return sum(xs)",
        "\treturn xs",
        "    for x in xs:",
        "        total += x",
        "total = 0",
        "# посчитай сумму",
        "# Пример использования",
        "    # верни максимум",
        '    """Возвращает сумму."""',
        '"""',
        "'''",
        "```python",
        "```",
        "Вот код:",
        "Here is the code:",
        "if __name__ == '__main__':",
        "print(f([1, 2]))",
        "foo(",
        ")",
        "x = [1,",
        "    ",
        "",
        "s = 'не закрыта",
        "<|endoftext|>",
        "import os",
        "from typing import Any",
        "@cached",
        "@property",
        "@x.setter",
        "@overload",
        "def x(self): ...",
        "def g(n):",
        "    return f(n)",
        "else:",
        "    pass",
        "сумма = 1",
        "  x = 1",
        " y = 2",
        "\\",
        "x = 1 \\",
        "💥 = '💥'",
        "𝒳 = 1\r",
    ]
)
LINE = st.one_of(LINES, LINES, LINES, st.text(max_size=12))
INDENT = st.sampled_from(["", "    ", "\t", "        "])
TASK = st.sampled_from(["# посчитай сумму xs", "# функция суммы", "# прочитать файл, разобрать json и отсортировать"])
ASKING = st.builds(lambda indent, task: [indent + task, indent], INDENT, TASK)
ANSWERS = st.lists(LINE, max_size=14).map("\n".join)
MANY = settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.too_slow])


def source_of(lines: list[str], newline: str) -> Source:
    whole = [line.replace("\n", "").replace("\r", "") + newline for line in lines]
    return Source("file:///a.py", [*whole[:-1], whole[-1].removesuffix(newline)] if whole else [])


def shaped(source: Source, cursor: Place, answer: str, pieces: list[int], head: bool) -> tuple[Suggestion, list[str]]:
    found = instruction.find(source, cursor, automatic=False)
    insertion = found.place if found else instruction.insertion_at(source, cursor)
    shaper = Shaper(source, insertion, found, insertion.line_head[:-1] if head else "")
    partials = [shaper.partial]
    position = 0
    for size in [*pieces, len(answer)]:
        if shaper.done:
            break
        shaper.feed(answer[position : position + size])
        partials.append(shaper.partial)
        position += size
    return shaper.finish(), partials


@MANY
@given(
    above=st.lists(LINE, max_size=8),
    asking=st.one_of(st.just([]), ASKING, ASKING),
    below=st.lists(LINE, max_size=8),
    answer=ANSWERS,
    newline=st.sampled_from(["\n", "\r\n"]),
    pieces=st.lists(st.integers(1, 9), max_size=40),
    head=st.booleans(),
    data=st.data(),
)
def test_any_stream_fits(
    above: list[str],
    asking: list[str],
    below: list[str],
    answer: str,
    newline: str,
    pieces: list[int],
    head: bool,
    data: st.DataObject,
) -> None:
    source = source_of([*above, *asking, *below], newline)
    line = len(above) + 1 if asking else data.draw(st.integers(0, max(0, len(source.lines) - 1)))
    cursor = Place(line, data.draw(st.integers(0, len(source.line(line)))))
    suggestion, partials = shaped(source, cursor, answer, pieces, head)
    found = instruction.find(source, cursor, automatic=False)
    insertion = found.place if found else instruction.insertion_at(source, cursor)

    assert insertion.line == line
    assert 0 <= insertion.replace_end <= len(source.line(line))
    for earlier, later in zip(partials, [*partials[1:], suggestion.text], strict=True):
        assert later.startswith(earlier)
    whole, _ = shaped(source, cursor, answer, [], head)
    assert whole.text == suggestion.text
    event("text" if suggestion.text else "empty")
    event(suggestion.stop_reason)
    event(f"instruction {found is not None}")
    if not suggestion.text:
        return
    assert "\r" not in suggestion.text.replace("\r\n", "") or newline == "\r\n"
    assert suggestion.text.startswith(insertion.head.replace("\n", source.newline))
    assert insertion.tail or not suggestion.text.endswith("\n")
    after = file_with(source, insertion, suggestion.text)
    assert after.startswith("".join(source.lines[:line]).replace("\r\n", "\n"))
    if parses(file_with(source, insertion, insertion.head + ("pass" if not insertion.line_head.strip() else ""))):
        assert parses(after)


def file_with(source: Source, insertion: instruction.Insertion, text: str) -> str:
    whole = [*source.lines]
    if not whole:
        return text
    end = whole[insertion.line][len(source.line(insertion.line)) :]
    whole[insertion.line] = text + source.line(insertion.line)[insertion.replace_end :] + end
    return "".join(whole).replace("\r\n", "\n")


@MANY
@given(answer=st.text(max_size=300))
def test_any_text_is_survived(answer: str) -> None:
    source = Source("f", ["def f(xs):\n", "    # верни сумму\n", "    \n", "    return None\n"])
    suggestion, _ = shaped(source, Place(2, 4), answer, [], True)
    if suggestion.text:
        assert count_errors("".join([*source.lines[:2], suggestion.text + "\n", source.lines[3]])) == 0
