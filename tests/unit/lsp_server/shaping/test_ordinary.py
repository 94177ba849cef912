"""Completion of ordinary code: what models that fill in the middle say, and what of it belongs at the cursor."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

import pytest

from lsp_server.connection.workspace import split_lines
from lsp_server.request import instruction
from lsp_server.shaping import Shaper
from lsp_server.source.document import Place, Source
from models.prompt import CodeRequest, render_code

PIECE = 3
NOTHING = "(nothing)"
WORDS_CUT_OUT = 4
REPORT = '''\
import re


def report(orders, path="отчёт.txt"):
    """Пишет отчёт о заказах."""
    totals = {order["name"]: order["price"] * order["count"] for order in orders}
    with open(path, "w", encoding="utf-8") as file:
        for name, total in sorted(totals.items(), key=lambda item: -item[1]):
            print(f"{name}: {total:.2f}", file=file)
    return [name for name in totals if re.match(r"\\w+", name)], len(totals)
'''


@dataclass(frozen=True)
class Situation:
    title: str
    before: str
    after: str
    says: str
    want: str


def situations() -> list[Situation]:
    text = Path(__file__).with_name("ordinary.txt").read_text(encoding="utf-8")
    text = text.replace("→", "\t").replace("␠", " ").replace("␍", "\r")
    found = []
    for block in re.split(r"^=== ", text, flags=re.MULTILINE)[1:]:
        title, _, rest = block.partition("\n")
        file, *answers = re.split(r"^--- (?:says|want)\n", rest, flags=re.MULTILINE)
        before, _, after = file.removesuffix("\n").partition("‸")
        for number, (says, want) in enumerate(zip(answers[::2], answers[1::2], strict=True)):
            one = Situation(f"{title} {number}", before, after, says.removesuffix("\n"), want.removesuffix("\n"))
            found.append(one)
    return found


def completed(situation: Situation, piece: int) -> str:
    """The file with the answer in it, streamed so many characters at a time."""
    source = Source("file:///проба.py", split_lines(situation.before + situation.after))
    line = situation.before.count("\n")
    cursor = Place(line, len(situation.before) - situation.before.rfind("\n") - 1)
    found = instruction.find(source, cursor, automatic=False)
    insertion = found.place if found else instruction.insertion_at(source, cursor)
    request = CodeRequest("", "", "", insertion.line_head, tail=insertion.tail)
    shaper = Shaper(source, insertion, found, render_code("qwen-fim", request).answer_head)
    partials = []
    for start in range(0, len(situation.says), piece):
        if not shaper.done:
            shaper.feed(situation.says[start : start + piece])
            partials.append(shaper.partial)
    text = shaper.finish().text
    assert all(text.startswith(partial) for partial in partials)
    lines = [*source.lines, ""]
    lines[line] = (text or lines[line][: insertion.replace_end]) + lines[line][insertion.replace_end :]
    return "".join(lines)


@pytest.mark.parametrize("situation", situations(), ids=lambda one: one.title)
def test_what_fits_between_both_sides_of_the_cursor_is_put_there(situation: Situation) -> None:
    middle = "" if situation.want == NOTHING else situation.want
    whole = completed(situation, len(situation.says) + 1)
    if situation.want.startswith("FILE:"):
        assert whole == situation.want.removeprefix("FILE:")
    else:
        assert whole == situation.before + middle + situation.after
    assert completed(situation, PIECE) == whole


@pytest.mark.parametrize("number", [3, 5, 6, 7, 8, 9])
def test_what_was_cut_out_of_a_line_is_put_back(number: int) -> None:
    lines = REPORT.splitlines(keepends=True)
    above, line, below = "".join(lines[:number]), lines[number].rstrip("\n"), "".join(["\n", *lines[number + 1 :]])
    starts = [match.start() for match in re.finditer(r"\w+|[^\w\s]", line)]
    for index, start in enumerate(starts):
        blank = " " if line[start - 1 : start] == " " else ""  # prompts leave the last one to the model
        for end in starts[index + 1 : index + 1 + WORDS_CUT_OUT]:
            middle, tail = line[start:end].rstrip(), line[start:end][len(line[start:end].rstrip()) :] + line[end:]
            for says in (middle, middle + tail, middle + tail + below):
                one = Situation("", above + line[:start], tail + below, blank + says, middle)
                assert completed(one, len(one.says)) == REPORT, (line[:start], tail, says)


def test_titles_tell_the_situations_apart() -> None:
    titles = [one.title for one in situations()]
    assert len(titles) == len(set(titles)) > 300
