"""Precision and recall of instruction detection, and its false triggers on published code.

python -m benchmarks.detection                 # labelled cases, then 1,000 real comments
python -m benchmarks.detection --no-real       # without the network
python -m benchmarks.detection --errors        # name every wrong answer of the dev splits
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import get_args

from benchmarks.console import told
from benchmarks.detection import cases, real_comments
from benchmarks.detection.cases import DetectionCase, Split
from benchmarks.detection.real_comments import RealComment

BAR = 0.95
DEV: tuple[Split, ...] = ("dev", "dev_hard")


@dataclass
class Score:
    """Counts over a split. `texts_equal` counts the found instructions whose text is the expected one."""

    right_yes: int = 0
    right_no: int = 0
    texts_equal: int = 0
    false_yes: list[DetectionCase] = field(default_factory=list)
    false_no: list[DetectionCase] = field(default_factory=list)

    @property
    def precision(self) -> float:
        """Of what was found, how much is an instruction."""
        return self.right_yes / max(1, self.right_yes + len(self.false_yes))

    @property
    def recall(self) -> float:
        """Of the instructions, how many were found."""
        return self.right_yes / max(1, self.right_yes + len(self.false_no))


def found_text(lines: Iterable[str], line: int, column: int) -> str | None:
    """What detection finds for an automatic request at the cursor; None for nothing."""
    from lsp_server.request import instruction  # noqa: PLC0415 - `--help` and the cases need no server
    from lsp_server.source.document import Place, Source  # noqa: PLC0415

    source = Source(uri="file:///detection.py", lines=tuple(lines))
    found = instruction.find(source, Place(line, column), automatic=True)
    return None if found is None else " ".join(found.text.split())


def score(split: Split) -> Score:
    """Run detection over a split."""
    result = Score()
    for case in cases.load(split):
        text = found_text(case.file.splitlines(keepends=True), case.line, case.column)
        if case.is_instruction and text is not None:
            result.right_yes += 1
            result.texts_equal += text == " ".join(case.text.split())
        elif case.is_instruction:
            result.false_no.append(case)
        elif text is not None:
            result.false_yes.append(case)
        else:
            result.right_no += 1
    return result


def is_triggered(comment: RealComment, *, pressed_enter: bool) -> bool:
    """Does an automatic request fire behind the comment: on the next line as it stands, or on a new one above it."""
    line = comment.lines[comment.last]
    indent = line[: len(line) - len(line.lstrip())]
    lines = list(comment.lines)
    if pressed_enter:
        lines.insert(comment.last + 1, indent + "\n")
    below = lines[comment.last + 1].rstrip("\r\n") if comment.last + 1 < len(lines) else ""
    column = len(below) - len(below.lstrip())
    return found_text(lines, comment.last + 1, column) is not None


@told
def main(arguments: list[str] | None = None) -> int:
    """Print the tables; exit code 1 where the held-out part misses the bar."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.detection", description=__doc__.splitlines()[0])
    parser.add_argument("--no-real", action="store_true", help="labelled cases only, no download")
    parser.add_argument("--packages", type=Path, help="keep the downloaded packages in this folder")
    parser.add_argument("--errors", action="store_true", help="name the wrong answers of the dev splits")
    options = parser.parse_args(arguments)
    scores: dict[Split, Score] = {split: score(split) for split in get_args(Split)}
    print(f"{'split':<9} {'cases':>6} {'precision':>10} {'recall':>8} {'same text':>10}   bar {BAR}")
    for split, one in scores.items():
        n_cases = one.right_yes + one.right_no + len(one.false_yes) + len(one.false_no)
        print(f"{split:<9} {n_cases:>6} {one.precision:>10.3f} {one.recall:>8.3f} {one.texts_equal:>6}/{one.right_yes}")
    for split, one in scores.items():
        print(f"{split}: missed {_by_why(one.false_no)}; false {_by_why(one.false_yes)}")
    if options.errors:
        for case in (case for split in DEV for case in scores[split].false_no + scores[split].false_yes):
            print(f"  {'missed' if case.is_instruction else 'false '} {case.id}: {_line_above(case)}")
    if not options.no_real:
        _report_real(options.packages)
    return 0 if min(scores["test"].precision, scores["test"].recall) >= BAR else 1


def _line_above(case: DetectionCase) -> str:
    """What stands nearest above the cursor."""
    above = (line.strip() for line in reversed(case.file.splitlines()[: case.line]))
    return next((line for line in above if line), "")


def _by_why(wrong: list[DetectionCase]) -> str:
    return ", ".join(f"{why} {n}" for why, n in Counter(case.why for case in wrong).most_common()) or "nothing"


def _report_real(directory: Path | None) -> None:
    with tempfile.TemporaryDirectory() as temporary:
        place = directory or Path(temporary)
        try:
            real_comments.download(place)
        except subprocess.CalledProcessError:
            print("real comments: pip could not download the packages; check the network or your pip settings")
            return
        found = list(real_comments.comments(place))
    for where in ("own line", "trailing"):
        for pressed_enter in (False, True):
            here = [comment for comment in found if comment.where == where]
            n = sum(is_triggered(comment, pressed_enter=pressed_enter) for comment in here)
            how = "Enter pressed behind it" if pressed_enter else "as it stands"
            print(f"real comments, {where}, {how}: {n} of {len(here)} trigger, {1000 * n / max(1, len(here)):.1f} ‰")


if __name__ == "__main__":
    sys.exit(main())
