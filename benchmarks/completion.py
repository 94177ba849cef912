"""Ordinary completion, without an instruction: pieces cut out of real code, asked for by hand, through the server.

    python -m benchmarks.completion                     60 pieces of the server's own modules, the default model
    python -m benchmarks.completion --pieces 200 --out runs/completion.jsonl --failed

A piece that comes back as it was is right; another may be right too, so what counts beside it is how many of the files
are Python with what was put into them. Owns: cutting, and counting. Does not own: asking (`benchmarks.client`).
"""

from __future__ import annotations

import argparse
import asyncio
import hashlib
import io
import itertools
import keyword
import random
import sys
import tokenize
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, get_args

from benchmarks.chosen import chosen
from benchmarks.client import BenchmarkEditor
from benchmarks.console import told, whole_number
from benchmarks.records import Record, Records
from lsp_server.source.syntax import compiles

CODE = Path(__file__).parent.parent / "lsp_server"
Kind = Literal["argument", "rest of line", "middle of line", "line"]
KINDS: tuple[Kind, ...] = get_args(Kind)
_LEAST_CHARS, _MOST_CHARS = 3, 60
_SEED = 11
_BEFORE_NEW_NAMES = frozenset({"def", "class", "import", "from", "as", "for"})
_NO_CODE = (tokenize.COMMENT, tokenize.NL, tokenize.NEWLINE, tokenize.INDENT, tokenize.DEDENT, tokenize.ENDMARKER)


@dataclass(frozen=True)
class Piece:
    """A file's text without the piece; the cursor (both from 0, in code points) is where it was."""

    kind: Kind
    path: str
    text: str
    line: int
    column: int
    piece: str

    @property
    def whole(self) -> str:
        """The text with the piece."""
        return put(self.text, self.line, self.column, self.piece)

    @property
    def digest(self) -> str:
        """Names the piece. One and the same place may be an argument and the middle of a line."""
        said = f"{self.kind}:{self.line}:{self.column}:{self.piece}\n{self.text}"
        return hashlib.sha256(said.encode()).hexdigest()[:16]


def put(text: str, line: int, column: int, piece: str) -> str:
    """A text with a piece at a place."""
    lines = text.splitlines(keepends=True)
    lines[line] = lines[line][:column] + piece + lines[line][column:]
    return "".join(lines)


def pieces_of(path: Path) -> Iterator[Piece]:
    """All pieces that could be cut out of a file, each within one line."""
    text = path.read_text(encoding="utf-8")
    lines = text.splitlines(keepends=True)
    for number, tokens in _by_line(text).items():
        content = lines[number].rstrip("\n")
        for kind, start, end in _spans(content, tokens):
            if _LEAST_CHARS <= end - start <= _MOST_CHARS and content[start:end].strip():
                without = [*lines[:number], content[:start] + content[end:] + "\n", *lines[number + 1 :]]
                yield Piece(kind, path.name, "".join(without), number, start, content[start:end])


def _by_line(text: str) -> dict[int, list[tokenize.TokenInfo]]:
    """The tokens of each line (from 0) that has nothing of a string over several lines."""
    found: dict[int, list[tokenize.TokenInfo]] = {}
    broken: set[int] = set()
    for token in tokenize.generate_tokens(io.StringIO(text).readline):
        if token.start[0] != token.end[0]:
            broken.update(range(token.start[0] - 1, token.end[0]))
        if token.type not in _NO_CODE:
            found.setdefault(token.start[0] - 1, []).append(token)
    return {number: tokens for number, tokens in found.items() if number not in broken and len(tokens) > 2}


def _spans(content: str, tokens: Sequence[tokenize.TokenInfo]) -> Iterator[tuple[Kind, int, int]]:
    first, end = tokens[0].start[1], tokens[-1].end[1]
    if "#" in content[end:]:
        return
    yield "line", first, end
    for token, following in itertools.pairwise(tokens):
        if token.string in ("=", "return", "in", "if"):
            yield "rest of line", following.start[1], end
        if following is not tokens[-1] and _is_operand(following) and token.string not in _BEFORE_NEW_NAMES:
            yield "middle of line", following.start[1], following.end[1]
    opened: list[int] = []
    for token in tokens:
        if token.string == "(":
            opened.append(token.end[1])
        elif token.string == ")" and opened:
            yield "argument", opened.pop(), token.start[1]


def _is_operand(token: tokenize.TokenInfo) -> bool:
    if token.type == tokenize.NAME:
        return not keyword.iskeyword(token.string)
    return token.type in (tokenize.NUMBER, tokenize.STRING)


def drawn(n_pieces: int, folder: Path = CODE) -> list[Piece]:
    """As many pieces of each kind, drawn from all files with a fixed seed."""
    drawing = random.Random(_SEED)
    each = max(1, n_pieces // len(KINDS))
    found: dict[Kind, list[Piece]] = {kind: [] for kind in KINDS}
    seen = dict.fromkeys(KINDS, 0)
    for path in sorted(folder.rglob("*.py")):
        for piece in pieces_of(path):  # each holds its file: so few are kept at a time (reservoir sampling)
            seen[piece.kind] += 1
            kept, at = found[piece.kind], drawing.randrange(seen[piece.kind])
            if len(kept) < each:
                kept.append(piece)
            elif at < each:
                kept[at] = piece
    return [piece for kind in KINDS for piece in found[kind]]


async def run(pieces: Sequence[Piece], editor: BenchmarkEditor, model: str, records: Records) -> list[Record]:
    """Ask for each piece that is not recorded yet."""
    rows = []
    for number, piece in enumerate(pieces, start=1):
        key = f"{model}/{piece.digest}"
        rows.append(records.get(key) or records.add(key, await _asked(piece, editor)))
        if sys.stderr.isatty() or number % 20 == 0:
            print(f"{number}/{len(pieces)}", file=sys.stderr, flush=True)
    return rows


async def _asked(piece: Piece, editor: BenchmarkEditor) -> Record:
    uri = editor.open(piece.text)
    reply = await editor.complete(uri, piece.text, piece.line, piece.column)
    editor.close(uri)
    return {
        "kind": piece.kind,
        "place": f"{piece.path}:{piece.line + 1}",
        "piece": piece.piece,
        "inserted": reply.inserted,
        "raw": reply.raw.text if reply.raw else None,
        "is_empty": reply.document == piece.text,
        "is_same": _tidy(reply.document) == _tidy(piece.whole),
        "compiles": compiles(reply.document),
        "problems": list(reply.problems),
    }


def _tidy(text: str) -> str:
    return "\n".join(line.rstrip() for line in text.split("\n"))


def report(rows: Sequence[Record]) -> Iterator[str]:
    """What came of the pieces, by kind."""
    yield f"{'kind':<16} {'pieces':>6} {'as it was':>10} {'then Python':>13} {'nothing':>8}"
    for kind in (*KINDS, "all"):
        of_kind = [row for row in rows if kind in (row["kind"], "all")]
        if of_kind:
            n, offered = len(of_kind), [row for row in of_kind if not row["is_empty"]]
            same = sum(row["is_same"] for row in of_kind)
            compiling = sum(row["compiles"] for row in offered) / max(1, len(offered))
            yield f"{kind:<16} {n:>6} {same / n:>10.1%} {compiling:>13.1%} {1 - len(offered) / n:>8.1%}"
    for problem in sorted({problem for row in rows for problem in row["problems"]}):
        yield f"the server said: {problem}"


async def _main(options: argparse.Namespace) -> list[Record]:
    model = chosen({"model": options.model}).model_id
    editor = BenchmarkEditor({"model": options.model})
    await editor.start()
    try:
        return await run(drawn(options.pieces), editor, model, Records(options.out))
    finally:
        await editor.stop()


@told
def main(arguments: list[str] | None = None) -> int:
    """Run and print. Exit code 2 where there is no model to run."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.completion",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--model", default="qwen2.5-coder-0.5b", help="catalog id or path of a GGUF file")
    parser.add_argument("--pieces", type=whole_number(1), default=60, help="how many, of four kinds")
    parser.add_argument("--out", type=Path, help="results, one JSON object a line")
    parser.add_argument("--failed", action="store_true", help="show what broke the file, and where nothing came")
    options = parser.parse_args(arguments)
    rows = asyncio.run(_main(options))
    if options.failed:
        for row in rows:
            if row["is_empty"] or not row["compiles"]:
                print(f"--- {row['kind']} {row['place']}: {row['piece']}")
                print(f"said: {row['raw']!r}\nput: {row['inserted']!r}")
    print("\n".join(report(rows)))
    return 0


if __name__ == "__main__":
    sys.exit(main())
