"""What was allowed is remembered, also when two windows are allowed something at once."""

from __future__ import annotations

import threading
from pathlib import Path

from lsp_server.serving import consent


def test_everything_that_is_allowed_at_once_is_remembered(tmp_path: Path) -> None:
    def allow_some(n: int) -> None:
        for m in range(10):
            consent.allow(f"https://{n}.example.org/{m}", tmp_path)

    threads = [threading.Thread(target=allow_some, args=(n,)) for n in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert all(consent.is_allowed(f"https://{n}.example.org/{m}", tmp_path) for n in range(4) for m in range(10))
