"""What the server would serve by some settings, settled before anything is asked.

A server goes on where a setting is wrong or an adapter does not fit, and says so; a benchmark would measure something
else than it was told to.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import Any

from benchmarks.console import BenchmarkError
from lsp_server import settings
from lsp_server.serving.choice import Choice, choose
from models.store import sha256_of


def chosen(told: Mapping[str, Any]) -> Choice:
    """The model and the adapter that settings mean, as the server is told them.

    Raises:
        BenchmarkError: a value that is none, or an adapter that the server would do without.
        KodopisError, ModelError: an unknown prompt format; a model that is unknown or not installed.
    """
    read, problems = settings.read(dict(told))
    if problems:
        raise BenchmarkError(str(problems[0]))
    choice = choose(read)
    if choice.trouble:
        raise BenchmarkError(choice.trouble)
    choice.require_installed()
    return choice


def adapter_name(choice: Choice) -> str:
    """Tells one adapter from others in a file of results: by its content, its scales and the forms of its prompts."""
    if choice.spec is None or not choice.spec.adapters:
        return "none"
    (path,) = choice.spec.adapters
    routes = choice.routes
    served = json.dumps([dict(routes.scales), dict(routes.formats), dict(routes.bare or {})], sort_keys=True)
    return f"{sha256_of(path)[:12]}:{hashlib.sha256(served.encode()).hexdigest()[:8]}"
