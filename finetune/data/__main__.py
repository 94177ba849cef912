"""Work on data outside a run.

python -m finetune.data mine FOLDER     pairs of Russian instruction and code, from anybody's own code
python -m finetune.data translate SET   an English set into Russian, its code untouched
python -m finetune.data replay          the base's own answers, to be learned with the rest
python -m finetune.data index           build the index of benchmarks anew, from what lies on this machine
"""

from __future__ import annotations

import argparse
import importlib
import sys
from collections.abc import Sequence

from finetune.errors import FinetuneError
from finetune.messages import EXTRA_MISSING
from models.console import survive_any_console
from models.errors import ModelError

_COMMANDS = {
    "mine": "finetune.data.mining.mine",
    "translate": "finetune.data.translate",
    "replay": "finetune.data.replay",
    "index": "finetune.data.index",
}


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; the exit status is 0, or 1 after one sentence about what is wrong."""
    survive_any_console()
    parser = argparse.ArgumentParser(
        prog="python -m finetune.data", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("command", choices=_COMMANDS)
    parser.add_argument("rest", nargs=argparse.REMAINDER, help="--help after a command shows its options")
    options = parser.parse_args(arguments)
    try:
        return _perform(options.command, options.rest)
    except ModelError as error:
        print(error, file=sys.stderr)
        return 1


def _perform(name: str, arguments: Sequence[str]) -> int:
    """Run one command; only its own libraries are imported."""
    try:
        command = importlib.import_module(_COMMANDS[name])
    except ModuleNotFoundError as error:
        raise FinetuneError("extra-missing", EXTRA_MISSING, name=error.name) from error
    parser = argparse.ArgumentParser(
        prog=f"python -m finetune.data {name}",
        description=command.__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    command.add_arguments(parser)
    return int(command.run(parser.parse_args(arguments)))


if __name__ == "__main__":
    sys.exit(main())
