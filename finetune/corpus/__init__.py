"""Tasks written for this project: Russian phrasings, reference code, tests; and the command that checks them.

The tasks are `<domain>.yaml` beside this file; `README.md` says how to write them.
Run: `python -m finetune.corpus check`.
"""

from __future__ import annotations

from pathlib import Path

CORPUS_DIR = Path(__file__).parent
