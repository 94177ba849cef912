"""Which lines of an answer are code: fences, chatter and a model's special tokens told apart from it."""

from __future__ import annotations

import re
from enum import Enum

from lsp_server.shaping.scan import Scan
from lsp_server.source.syntax import Window, count_errors, identifiers, is_statement

_FENCE = re.compile(r"\s*(?:```+|~~~+)\s*([\w+#.-]*)\s*$")
_FENCE_BEGIN = re.compile(r"\s*```")
_CODE_FENCES = frozenset(("", "python", "py", "python3", "ipython", "pycon", "code"))
_SPECIAL = re.compile(r"<\|[\w▁ ]{2,30}\|>|<｜[^｜]{2,40}｜>|</s>\s*$|\[/?INST\]|<fim_\w+>")
_CYRILLIC = re.compile(r"[а-яё]", re.IGNORECASE)
_TWO_WORDS = re.compile(r"[а-яё]\s+[а-яё]|^\s*[а-яё]+[!:.]\s*$", re.IGNORECASE)
_ENGLISH_PROSE = re.compile(
    r"\s*[*_]{0,2}(?:Here|Sure|Certainly|Of course|This|The|To|You|I|I'm|Below|In this|In the|Note|Let's|Let us|"
    r"We|It|Explanation|Output|Example|Usage|Answer|Solution|Please|Okay|OK|Great|Yes|No|If you|Make sure|Remember|"
    r"Finally|However|Replace|Now|And|For example)\b(?!\s*(?:[=(.\[]|:\s*\w+\s*=))[ ,!.:*']"
)
_MARKDOWN = re.compile(r"\s*(?:\*\*|[-•]\s+\S.*[а-яёa-z] |\d+[.)]\s+\D|>\s|\|\s*\w.*\|\s*$|---+\s*$)", re.IGNORECASE)


class Verdict(Enum):
    """What a line of an answer is."""

    CODE = "code"
    SKIP = "skip"
    STOP = "stop"


class Unwrapper:
    """Tells line by line. Everything is decided from the lines seen so far, so that partial answers stay true."""

    def __init__(self, allow_cyrillic_names: bool) -> None:
        self._allow_cyrillic_names = allow_cyrillic_names
        self._in_fence = False
        self._in_foreign_fence = False
        self._has_code = False
        self.reason = ""

    def take(self, line: str, scan: Scan) -> Verdict:
        """Judge a line; `scan` is the state of the code before it."""
        if scan.quote:
            return Verdict.CODE
        fence = _FENCE.match(line)
        if fence or _FENCE_BEGIN.match(line):
            return self._fence(fence[1].lower() if fence else "")
        if self._in_foreign_fence or (not self._has_code and not line.strip()):
            return Verdict.SKIP
        if line.strip() and self._is_prose(line, scan):
            self.reason = "prose" if self._has_code else ""
            return Verdict.STOP if self._has_code else Verdict.SKIP
        self._has_code = self._has_code or not line.lstrip().startswith("#")
        return Verdict.CODE

    def is_settled(self, beginning: str, scan: Scan) -> bool:
        """Whether a line that begins so ends the code, however it goes on."""
        return self._has_code and not scan.quote and bool(_FENCE_BEGIN.match(beginning))

    def _fence(self, kind: str) -> Verdict:
        if self._in_foreign_fence:
            self._in_foreign_fence = False
        elif self._has_code:
            self.reason = "fence"
            return Verdict.STOP
        elif self._in_fence and not kind:
            self._in_fence = False
        elif kind in _CODE_FENCES:
            self._in_fence = True
        else:
            self._in_foreign_fence = True
        return Verdict.SKIP

    def _is_prose(self, line: str, scan: Scan) -> bool:
        code = scan.code(line)
        if _CYRILLIC.search(code) and not _has_russian_strings_only(line):
            return not self._allow_cyrillic_names or bool(_TWO_WORDS.search(code))
        if not scan.is_free:
            return False
        return bool(_ENGLISH_PROSE.match(line) or _MARKDOWN.match(line)) and not is_statement(line.strip())


def _has_russian_strings_only(line: str) -> bool:
    """Whether a line is Python, its names not Russian: strings within an f-string may have its own quotes."""
    text = line.strip()
    if count_errors(text + "\n"):
        return False
    view = Window(0, [text])
    return not any(_CYRILLIC.search((node.text or b"").decode()) for node in identifiers(view, 0, 1))


def cut_special(line: str, scan: Scan) -> tuple[str, bool]:
    """A line up to the first special token of a model that came as text, and whether there was one."""
    found = _SPECIAL.finditer(line)
    match = next((one for one in found if not scan.is_in_string(line, one.start())), None)
    return (line[: match.start()], True) if match else (line, False)
