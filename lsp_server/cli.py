"""The command `kodopis` (= `python -m lsp_server`): `kodopis --help` says what there is.

Owns: the command line. Everything heavy is imported by the command that needs it: an editor waits for `serve`, a
person for `--help`.

Exit codes: 0 done, 1 failed (the reason is on stderr), 2 wrong command line.
"""

from __future__ import annotations

import argparse
import asyncio
import ipaddress
import logging
import os
import sys
from collections.abc import Callable, Sequence
from importlib.metadata import version
from pathlib import Path

from lsp_server import messages
from lsp_server.errors import KodopisError
from models.console import Parser, guarded, print_json, survive_any_console
from models.errors import ModelError
from models.messages import HELP_EXIT_CODES, HELP_MODELS, Message

Run = Callable[[argparse.Namespace], int]

_WRONG_COMMAND_LINE = ("bad_address", "bad_endpoint", "bad_max_tokens")


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command; give its exit code."""
    survive_any_console()
    return guarded(lambda: _main(list(sys.argv[1:] if argv is None else argv)))


def _main(arguments: list[str]) -> int:
    if not arguments or (arguments[0].startswith("-") and arguments[0] not in ("-h", "--help", "--version")):
        arguments.insert(0, "serve")
    options = _parser(arguments).parse_args(arguments)
    run: Run = options.run
    try:
        return run(options)
    except (KodopisError, ModelError) as error:
        if getattr(options, "json", False):
            print_json({"error": {"code": error.code, "message": str(error)}})
        else:
            print(error, file=sys.stderr)
        return 2 if error.code in _WRONG_COMMAND_LINE else 1


def _parser(arguments: Sequence[str]) -> Parser:
    parser = Parser(prog="kodopis", description=messages.HELP_KODOPIS(), epilog=HELP_EXIT_CODES())
    parser.options.add_argument("--version", action="version", version=version("kodopis"), help=messages.HELP_VERSION())
    commands = parser.add_commands()

    def command(name: str, help_text: Message, run: Run) -> Parser:
        text = help_text()
        sub = commands.add_parser(name, help=text, description=text, epilog=HELP_EXIT_CODES())
        sub.set_defaults(run=run)
        return sub

    _add_serve(command("serve", messages.HELP_SERVE, _serve))
    _add_ask(command("ask", messages.HELP_ASK, _ask))
    for name, help_text, run in (
        ("doctor", messages.HELP_DOCTOR, _doctor),
        ("status", messages.HELP_STATUS, _status),
        ("stop", messages.HELP_STOP, _stop),
    ):
        command(name, help_text, run).options.add_argument("--json", action="store_true", help=messages.HELP_AS_JSON())
    under_models = commands.add_parser(
        "models", help=HELP_MODELS(), description=HELP_MODELS(), epilog=HELP_EXIT_CODES()
    )
    if arguments[0] == "models":
        from models.cli import add_commands  # noqa: PLC0415 - reads the catalog's modules

        add_commands(under_models)
    return parser


def _add_serve(parser: Parser) -> None:
    ways = parser.options.add_mutually_exclusive_group()
    ways.add_argument("--stdio", action="store_true", help=messages.HELP_STDIO())
    ways.add_argument("--tcp", metavar="HOST:PORT", help=messages.HELP_TCP())
    parser.options.add_argument("--log", type=Path, metavar="FILE", help=messages.HELP_LOG())
    parser.options.add_argument("--verbose", action="store_true", help=messages.HELP_VERBOSE())


def _add_ask(parser: Parser) -> None:
    parser.arguments.add_argument("instruction", nargs="?", default="", help=messages.HELP_ASK_INSTRUCTION())
    add = parser.options.add_argument
    add("--file", type=Path, metavar="F", help=messages.HELP_ASK_FILE())
    add("--line", type=int, metavar="N", help=messages.HELP_ASK_LINE())
    add("--model", default="auto", metavar="ID", help=messages.HELP_ASK_MODEL())
    add("--endpoint", default="", metavar="URL", help=messages.HELP_ASK_ENDPOINT())
    add("--max-tokens", type=int, default=256, metavar="N", help=messages.HELP_ASK_TOKENS())
    add("--json", action="store_true", help=messages.HELP_AS_JSON())


def _serve(options: argparse.Namespace) -> int:
    address = _tcp_address(options.tcp) if options.tcp else None
    _log_to(options.log, is_verbose=options.verbose)
    from lsp_server.features import build_server  # noqa: PLC0415 - brings pygls and lsprotocol

    server = build_server()
    if address is None:
        server.run_stdio()
        return 0
    try:
        server.run_tcp(*address)
    except OSError as error:
        raise KodopisError("address_taken", messages.TCP_TAKEN, address=options.tcp, reason=error) from error
    return 0


def _log_to(path: Path | None, *, is_verbose: bool) -> None:
    handler: logging.Handler
    try:
        handler = logging.StreamHandler(sys.stderr) if path is None else logging.FileHandler(path, encoding="utf-8")
    except OSError as error:
        raise KodopisError("log_unwritable", messages.LOG_UNWRITABLE, path=path, reason=error.strerror) from error
    form = "%(asctime)s %(levelname)s %(name)s: %(message)s"
    logging.basicConfig(level=logging.DEBUG if is_verbose else logging.WARNING, handlers=[handler], format=form)


def _tcp_address(address: str) -> tuple[str, int]:
    """Split HOST:PORT. Whoever connects can have any code written and read: this machine's addresses only."""
    host, _, port = address.rpartition(":")
    host = host.strip("[]")
    try:
        is_own = host == "localhost" or ipaddress.ip_address(host).is_loopback
        if is_own and 0 <= int(port) < 1 << 16:
            return host, int(port)
    except ValueError:
        pass
    raise KodopisError("bad_address", messages.TCP_ADDRESS, address=address)


def _ask(options: argparse.Namespace) -> int:
    from lsp_server.ask import Wish, ask  # noqa: PLC0415 - brings the engine's client and tree-sitter
    from lsp_server.settings import Rule, Settings, is_url, setting_fields  # noqa: PLC0415

    if options.endpoint and not is_url(options.endpoint):
        raise KodopisError("bad_endpoint", messages.ENDPOINT_ADDRESS, address=options.endpoint)
    limits: Rule = setting_fields()["maxTokens"].metadata["rule"]
    if not limits.accepts(options.max_tokens):
        raise KodopisError(
            "bad_max_tokens",
            messages.MAX_TOKENS,
            value=options.max_tokens,
            minimum=limits.minimum,
            maximum=limits.maximum,
        )
    settings = Settings(model=options.model, endpoint=options.endpoint, max_tokens=options.max_tokens)
    told = asyncio.run(ask(Wish(options.instruction, options.file, options.line), settings))
    if options.json:
        print_json(told.to_json())
    else:
        _print_exactly(told.code, told.newline)
    return 0


def _print_exactly(text: str, newline: str) -> None:
    """Print a text that has a file's own line ends, as UTF-8 where it goes into a file.

    Windows' console stream would make \\r\\r\\n of \\r\\n, and write a file that Python cannot read.
    """
    reconfigure = getattr(sys.stdout, "reconfigure", None)  # a captured stream may have none
    if reconfigure is not None:
        reconfigure(newline="")
        if not sys.stdout.isatty() and not os.environ.get("PYTHONIOENCODING"):
            reconfigure(encoding="utf-8", errors="replace")
    print(text, end=newline)


def _doctor(options: argparse.Namespace) -> int:
    from lsp_server.doctor import examine  # noqa: PLC0415 - brings the engine's client

    found = asyncio.run(examine())
    if options.json:
        print_json(found.to_json())
    else:
        print("\n".join(found.lines()))
    return 0 if found.is_ready else 1


def _status(options: argparse.Namespace) -> int:
    from lsp_server.engine.process import running_engines  # noqa: PLC0415

    engines = running_engines()
    if options.json:
        print_json(
            [
                {
                    "model": one.state.model,
                    "pid": one.state.pid,
                    "port": one.state.port,
                    "memoryBytes": one.memory_bytes,
                }
                for one in engines
            ]
        )
        return 0
    for one in engines:
        memory = round(one.memory_bytes / 1e6)
        print(messages.STATUS_LINE(model=one.state.model, pid=one.state.pid, port=one.state.port, memory=memory))
    if not engines:
        print(messages.STATUS_NONE())
    return 0


def _stop(options: argparse.Namespace) -> int:
    from lsp_server.engine.process import running_engines, stop_engine  # noqa: PLC0415

    async def stop_all() -> int:
        stopped = [await stop_engine(one.path, one.state) for one in running_engines()]
        return sum(stopped)

    count = asyncio.run(stop_all())
    if options.json:
        print_json({"stopped": count})
    else:
        print(messages.STOPPED(count=count))
    return 0
