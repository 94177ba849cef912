"""Runs what explanations and fixes claim, and remembers it in `ran.json`, so that only what changed is run again."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from finetune.evaluate import sandbox

from . import messages
from .schema import Mistake

RAN = "ran.json"
TIMEOUT_S = 20.0  # long: on a busy machine a broken program must fail by itself


@dataclass(frozen=True)
class Claim:
    """That a program runs to its end, and that another, where there is one, does not."""

    id: str
    path: Path
    line: int
    passes: str
    fails: str = ""

    @property
    def hash(self) -> str:
        """What the outcome depends on."""
        return hashlib.sha256(json.dumps([self.passes, self.fails]).encode()).hexdigest()[:16]


def read_ran(directory: Path) -> dict[str, str]:
    """The hashes of the claims that held, by id."""
    path = directory / RAN
    return json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}


def prove(
    claims: Sequence[Claim], *, recheck: bool, jobs: int, progress: Callable[[str], None]
) -> tuple[list[Mistake], int]:
    """Run the claims of one file that are new or changed: those that do not hold, and how many were run."""
    if not claims:
        return [], 0
    directory, domain = claims[0].path.parent, claims[0].path.stem
    remembered = read_ran(directory)
    todo = [claim for claim in claims if recheck or remembered.get(claim.id) != claim.hash]
    kept = {claim.id for claim in claims} - {claim.id for claim in todo}
    held = {key: one for key, one in remembered.items() if key in kept or not key.startswith(f"{domain}-")}
    mistakes = []
    with ThreadPoolExecutor(jobs) as pool:
        for claim, wrong in zip(todo, pool.map(_wrong, todo), strict=True):
            progress(f"{claim.id}: {wrong or 'ok'}")
            if wrong:
                mistakes.append(Mistake(claim.path, claim.line, wrong))
            else:
                held[claim.id] = claim.hash
    lines = [f"  {json.dumps(key)}: {json.dumps(held[key])}" for key in sorted(held)]
    (directory / RAN).write_text("{\n" + ",\n".join(lines) + "\n}\n", encoding="utf-8")
    return mistakes, len(todo)


def _wrong(claim: Claim) -> str:
    outcome = sandbox.run(claim.passes, timeout_s=TIMEOUT_S)
    if not outcome.passed:
        return messages.DOES_NOT_RUN(id=claim.id, error=outcome.error)
    if claim.fails and sandbox.run(claim.fails, timeout_s=TIMEOUT_S).passed:
        return messages.NOT_BROKEN(id=claim.id)
    return ""
