"""What the command lines share: a parser that speaks the user's language, and output that any console takes."""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import sys
from collections.abc import Callable, Iterable, Sequence
from typing import Any, NoReturn

from models.argument_errors import in_users_language
from models.messages import (
    FILES_FAILED,
    HELP_ARGUMENTS,
    HELP_COMMAND,
    HELP_COMMANDS,
    HELP_ERROR,
    HELP_HELP,
    HELP_OPTIONS,
    HELP_USAGE,
)


class _Formatter(argparse.RawDescriptionHelpFormatter):
    def add_usage(
        self,
        usage: str | None,
        actions: Iterable[argparse.Action],
        groups: Iterable[Any],
        prefix: str | None = None,
    ) -> None:
        super().add_usage(usage, actions, groups, HELP_USAGE() if prefix is None else prefix)


class Parser(argparse.ArgumentParser):
    """An `ArgumentParser` whose own words are in the user's language; exit code 2 for a wrong command line."""

    def __init__(self, **arguments: Any) -> None:
        arguments.setdefault("formatter_class", _Formatter)
        super().__init__(**arguments, add_help=False)
        self.arguments = self.add_argument_group(HELP_ARGUMENTS())
        self.options = self.add_argument_group(HELP_OPTIONS())
        self.options.add_argument("-h", "--help", action="help", help=HELP_HELP())

    def add_commands(self) -> argparse._SubParsersAction[Parser]:
        """Begin the list of commands; each `add_parser` gives a parser of this class."""
        return self.add_subparsers(title=HELP_COMMANDS(), metavar=HELP_COMMAND(), required=True, parser_class=Parser)

    def parse_known_args(  # type: ignore[override]  # the namespace's type is argparse's own business
        self, args: Sequence[str] | None = None, namespace: Any = None
    ) -> tuple[Any, list[str]]:
        """As `ArgumentParser` does, but what a command does not know is said by it, not by the parser above it."""
        known, rest = super().parse_known_args(args, namespace)
        if rest:
            self.error(f"unrecognized arguments: {' '.join(rest)}")
        return known, rest

    def error(self, message: str) -> NoReturn:
        """Say what is wrong with the command line, and end with code 2."""
        self.exit(2, HELP_ERROR(program=self.prog, message=in_users_language(message)) + "\n")


def survive_any_console() -> None:
    """Never fail for a letter that the console's encoding (cp1251, cp866) does not have."""
    for stream in (sys.stdout, sys.stderr):
        reconfigure = getattr(stream, "reconfigure", None)  # a captured stream may have none
        if reconfigure is not None:
            reconfigure(errors="replace")


def guarded(run: Callable[[], int]) -> int:
    """Run a command; gives its exit code, 1 where it was interrupted or its output could not be written.

    The output is flushed here: of what fails at its very end, Python could only complain.
    """
    try:
        try:
            return run()
        finally:
            if sys.stdout is not None:
                sys.stdout.flush()
    except BrokenPipeError:  # `kodopis models list | head`
        _drop_output()
    except KeyboardInterrupt:
        pass
    except OSError as error:
        _drop_output()
        print(FILES_FAILED(reason=error), file=sys.stderr)
    return 1


def _drop_output() -> None:
    """What is still to be written would fail once more when Python ends."""
    with contextlib.suppress(OSError, ValueError, AttributeError):  # a captured stream may have no descriptor
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def print_json(value: object) -> None:
    """One line of JSON, in ASCII: the reader need not know this console's encoding."""
    print(json.dumps(value), flush=True)
