"""Work on data outside a run.

python -m finetune.data mine FOLDER     pairs of Russian instruction and code, from anybody's own code
python -m finetune.data translate SET   an English set into Russian, its code untouched
python -m finetune.data replay          the base's own answers, to be learned with the rest
python -m finetune.data index           build the index of benchmarks anew, from what lies on this machine
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence

from finetune.data import index, replay, translate
from finetune.data.mining import mine
from models.errors import ModelError

_COMMANDS = {
    "mine": (mine.add_arguments, mine.run),
    "translate": (translate.add_arguments, translate.run),
    "replay": (replay.add_arguments, replay.run),
    "index": (index.add_arguments, index.build),
}


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; the exit status is 0, or 1 after one sentence about what is wrong."""
    parser = argparse.ArgumentParser(
        prog="python -m finetune.data", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    commands = parser.add_subparsers(dest="command", required=True)
    for name, (add_arguments, _) in _COMMANDS.items():
        add_arguments(commands.add_parser(name))
    options = parser.parse_args(arguments)
    try:
        return _COMMANDS[options.command][1](options)
    except ModelError as error:
        print(error, file=sys.stderr)
        return 1


if __name__ == "__main__":
    sys.exit(main())
