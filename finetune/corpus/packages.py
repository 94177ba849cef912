"""The third-party packages that tasks may build on, and how a task's program gets at them.

Programs run without site-packages. A task that names packages in `requires` gets the running interpreter's; that it
imports only what it names is seen by `schema`.
"""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Iterable
from pathlib import Path

PACKAGES = ("numpy", "pandas", "matplotlib")
HEAVY_MODULES = {"matplotlib": "matplotlib.pyplot"}  # what takes long to import, where it is not the package itself
# numpy maps address space for every thread it may start; nobody looks at windows
ENVIRONMENT = {"OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1", "MPLBACKEND": "Agg"}
MEMORY_BYTES = 4 * 1024**3


def missing(requires: Iterable[str]) -> list[str]:
    """The packages that are not installed here."""
    return [name for name in requires if importlib.util.find_spec(name) is None]


def site_paths() -> list[str]:
    """Where this interpreter has its packages."""
    return [path for path in sys.path if Path(path).name in ("site-packages", "dist-packages")]


def preamble() -> str:
    """One line that makes packages importable for the program after it, and defines no names in it."""
    return f"__import__('os').environ.update({ENVIRONMENT!r}); __import__('sys').path.extend({site_paths()!r})\n"
