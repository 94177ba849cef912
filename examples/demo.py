"""Two Russian docstrings and a comment become Python code: the real server over stdio, asked as an editor asks.

    python -m examples.demo

Owns: the demonstration that `make run` shows. It opens `notes.py` in the language server, presses Enter after each
instruction, prints the code while it grows, and puts the answer into the (unsaved) document, as Tab does.
"""

from __future__ import annotations

import asyncio
import sys
import time
from pathlib import Path
from typing import Any

from lsprotocol import types
from pygls.lsp.client import LanguageClient

EXAMPLE = Path(__file__).with_name("notes.py")
INSTRUCTIONS = ("Верни заголовки", "Верни заметки, среди", "# функция count_words")


class Editor:
    """As much of an editor as the demonstration needs: one open document and a terminal to show it on."""

    def __init__(self) -> None:
        self.client = LanguageClient("kodopis-demo", "1")
        self.uri = EXAMPLE.as_uri()
        self.lines = EXAMPLE.read_text(encoding="utf-8").splitlines()
        self.version = 0
        self.shown = ""
        self.client.feature("kodopis/partial")(lambda partial: self._print_up_to(partial.text))
        self.client.feature(types.WINDOW_SHOW_MESSAGE)(lambda said: print(said.message, file=sys.stderr))

    async def start(self) -> None:
        """Start the server and open the document."""
        await self.client.start_io(sys.executable, "-m", "lsp_server", "serve", "--stdio")
        await self.client.initialize_async(
            types.InitializeParams(
                process_id=None,
                root_uri=EXAMPLE.parent.as_uri(),
                capabilities=types.ClientCapabilities(experimental={"kodopis": {"partial": True}}),
                initialization_options={"kodopis": {"timeBudgetMs": 0}},
            )
        )
        self.client.initialized(types.InitializedParams())
        document = types.TextDocumentItem(self.uri, types.LanguageKind.Python, self.version, self._text())
        self.client.text_document_did_open(types.DidOpenTextDocumentParams(document))

    async def ask_after(self, instruction: str) -> None:
        """Press Enter after the line that holds `instruction`, show the answer while it comes, and take it."""
        number = next(index for index, line in enumerate(self.lines) if instruction in line)
        indent = self.lines[number][: len(self.lines[number]) - len(self.lines[number].lstrip())]
        self._replace(number + 1, number + 1, [indent])
        print(f"\n\033[1m{self.lines[number]}\033[0m" if sys.stdout.isatty() else f"\n{self.lines[number]}")
        self.shown = ""
        started = time.perf_counter()
        answer = await self.client.text_document_inline_completion_async(
            types.InlineCompletionParams(
                context=types.InlineCompletionContext(types.InlineCompletionTriggerKind.Automatic),
                text_document=types.TextDocumentIdentifier(self.uri),
                position=types.Position(number + 1, len(indent)),
            )
        )
        elapsed_s = time.perf_counter() - started
        items = answer.items if isinstance(answer, types.InlineCompletionList) else answer or []
        if not items:
            print("(ответа нет / no answer)")
            return
        code = str(items[0].insert_text)
        self._print_up_to(code)
        self._replace(number + 1, number + 2, code.splitlines())
        statistics = await self._command("kodopis.statistics")
        print(f"\n  — {elapsed_s:.1f} с, {statistics['tokensPerSecond']:.0f} токенов/с (tokens/s)")

    async def stop(self) -> None:
        """End the server; the engine stays for the next one that asks, and ends by itself when idle."""
        await self.client.shutdown_async(None)
        self.client.exit(None)
        await self.client.stop()  # type: ignore[no-untyped-call]

    async def _command(self, name: str) -> Any:
        return await self.client.workspace_execute_command_async(types.ExecuteCommandParams(name, [{}]))

    def _text(self) -> str:
        return "\n".join(self.lines) + "\n"

    def _replace(self, first: int, last: int, lines: list[str]) -> None:
        self.lines[first:last] = lines
        self.version += 1
        change = types.TextDocumentContentChangePartial(
            types.Range(types.Position(first, 0), types.Position(last, 0)), "".join(f"{line}\n" for line in lines)
        )
        document = types.VersionedTextDocumentIdentifier(self.version, self.uri)
        self.client.text_document_did_change(types.DidChangeTextDocumentParams(document, [change]))

    def _print_up_to(self, text: str) -> None:
        print(text[len(self.shown) :], end="", flush=True)
        self.shown = text


async def main() -> None:
    """Show the three answers."""
    if hasattr(sys.stdout, "reconfigure"):
        sys.stdout.reconfigure(errors="replace")  # a cp1251 console lacks some characters
    print("Кодопись: загружаю модель в движок… / Kodopis: loading the model into the engine…", flush=True)
    editor = Editor()
    await editor.start()
    for instruction in INSTRUCTIONS:
        await editor.ask_after(instruction)
    await editor.stop()


if __name__ == "__main__":
    asyncio.run(main())
