"""Many small programs in one sandbox: which of them run to their end?

For searching among hundreds of candidates, where a process each would take minutes. The programs share a process, so
what one leaves behind (files, environment) can reach the next: confirm what counts with `sandbox.run`.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence

from finetune.evaluate import sandbox

PROGRAM_TIMEOUT_S = 2.0
_LIST = "programs.json"
_MARK = "passed-program"

_DRIVER = f"""
import io, json, os, signal, sys, types

class TimeUp(BaseException):
    pass

def ring(*_):
    raise TimeUp

out = os.fdopen(os.dup(1), "w")
sys.stdout = sys.stderr = io.TextIOWrapper(open(os.devnull, "wb"))
with open({_LIST!r}, encoding="utf-8") as file:
    given = json.load(file)
timed = hasattr(signal, "setitimer")
if timed:
    signal.signal(signal.SIGALRM, ring)
found = 0
for number, program in enumerate(given["programs"]):
    main = types.ModuleType("__main__")
    sys.modules["__main__"] = main
    for name, text in given["files"].items():
        os.makedirs(os.path.dirname(os.path.abspath(name)), exist_ok=True)
        with open(name, "w", encoding="utf-8", newline="") as file:
            file.write(text)
    try:
        if timed:
            signal.setitimer(signal.ITIMER_REAL, given["timeout_s"])
        exec(compile(program, f"program-{{number}}", "exec"), main.__dict__)
    except BaseException:
        continue
    finally:
        if timed:
            signal.setitimer(signal.ITIMER_REAL, 0)
    print({_MARK!r}, number, file=out, flush=True)
    found += 1
    if found >= given["at_most"]:
        break
"""


def passing(
    programs: Sequence[str],
    *,
    files: Mapping[str, str] | None = None,
    at_most: int = 1_000_000,
    timeout_s: float = 60.0,
) -> list[int]:
    """Numbers of the programs that ran to their end, in order; at most `at_most` of them, and within `timeout_s`."""
    if not programs:
        return []
    given = {
        "programs": list(programs),
        "files": dict(files or {}),
        "timeout_s": PROGRAM_TIMEOUT_S,
        "at_most": at_most,
    }
    outcome = sandbox.run(_DRIVER, files={_LIST: json.dumps(given)}, timeout_s=timeout_s)
    lines = [line.split() for line in outcome.stdout.splitlines()]
    return [int(line[1]) for line in lines if len(line) == 2 and line[0] == _MARK]
