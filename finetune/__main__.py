"""`python -m finetune`."""

import sys

from finetune.messages import EXTRA_MISSING

if __name__ == "__main__":
    try:
        from finetune.cli import main
    except ModuleNotFoundError as error:  # even --help names the recipes, which are YAML
        sys.exit(EXTRA_MISSING(name=error.name))
    sys.exit(main())
