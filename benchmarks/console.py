"""What the commands of the benchmarks share: how they end where nothing is measured, and numbers in their options."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable
from functools import wraps
from typing import ParamSpec

from lsp_server.errors import KodopisError
from models.errors import ModelError

Arguments = ParamSpec("Arguments")


class BenchmarkError(Exception):
    """Why something cannot be measured, in one sentence that says what to do."""


def told(main: Callable[Arguments, int]) -> Callable[Arguments, int]:
    """Let a command say its errors in a sentence, with exit code 2; 130 after Ctrl-C."""

    @wraps(main)
    def run(*args: Arguments.args, **kwargs: Arguments.kwargs) -> int:
        try:
            return main(*args, **kwargs)
        except (BenchmarkError, KodopisError, ModelError) as error:
            print(error, file=sys.stderr)
            return 2
        except KeyboardInterrupt:
            return 130

    return run


def whole_number(least: int) -> Callable[[str], int]:
    """An option's type: a whole number that is not less than `least`."""

    def parse(text: str) -> int:
        try:
            number = int(text)
        except ValueError:
            number = least - 1
        if number < least:
            raise argparse.ArgumentTypeError(f"{text!r} is no whole number from {least} on")
        return number

    return parse
