"""Tasks written for this project: Russian phrasings, reference code, tests; and the command that checks them.

The tasks are `<domain>.yaml` beside this file; `README.md` says how to write them. `explanations.yaml` and `fixes.yaml`
have forms of their own.
Run: `python -m finetune.corpus check`.
"""

from __future__ import annotations

from pathlib import Path

CORPUS_DIR = Path(__file__).parent
EXPLANATIONS = "explanations.yaml"
FIXES = "fixes.yaml"


def task_files(directory: Path = CORPUS_DIR) -> list[Path]:
    """The domains' files, sorted."""
    return sorted(path for path in directory.glob("*.yaml") if path.name not in (EXPLANATIONS, FIXES))
