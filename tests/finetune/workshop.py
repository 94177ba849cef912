"""Where the command line of training runs in tests."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]


@dataclass(frozen=True)
class Workshop:
    """Where the command line runs: a home, evaluation data and a folder of runs of our own."""

    home: Path
    runs: Path
    evaluation: Path

    @property
    def environment(self) -> dict[str, str]:
        """The environment of the command line."""
        return os.environ | {
            "KODOPIS_HOME": str(self.home),
            "KODOPIS_EVAL_DATA": str(self.evaluation),
            "KODOPIS_LANG": "en",
            "HF_HUB_OFFLINE": "1",
            "OMP_NUM_THREADS": "1",
            "OMP_WAIT_POLICY": "PASSIVE",
        }

    def command(self, *arguments: str, runs: Path | None = None) -> list[str]:
        """`python -m finetune …` over these runs."""
        return [sys.executable, "-m", "finetune", "--runs", str(runs or self.runs), *arguments]

    def finetune(self, *arguments: str, runs: Path | None = None) -> subprocess.CompletedProcess[str]:
        """Run the command line to its end."""
        return self.run(self.command(*arguments, runs=runs))

    def run(self, command: list[str]) -> subprocess.CompletedProcess[str]:
        """Run any command of the project here to its end."""
        return subprocess.run(
            command,
            cwd=ROOT,
            env=self.environment,
            capture_output=True,
            text=True,
            encoding="utf-8",
            check=False,
            timeout=1800,  # a bound for a machine that is busy with other work
        )
