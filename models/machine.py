"""What this machine has that a choice of model depends on."""

from __future__ import annotations

import os
from dataclasses import dataclass

import psutil


@dataclass(frozen=True)
class Machine:
    """Memory in bytes and physical cores that this process may use."""

    memory_bytes: int
    cores: int


def this_machine() -> Machine:
    """Measure the machine that we run on."""
    physical = psutil.cpu_count(logical=False) or os.cpu_count() or 1
    # A container or a batch system may leave a process fewer processors than the machine has.
    allowed = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else physical
    return Machine(memory_bytes=psutil.virtual_memory().total, cores=min(physical, allowed))
