"""The Hugging Face hub as a source of files.

Owns: finding a file there and streaming it into a partial file that the next try continues. huggingface_hub gives the
endpoint (`HF_ENDPOINT`), offline mode, the token and the file's metadata; the transfer is ours, because since
https://github.com/huggingface/huggingface_hub/pull/4228 the library's own starts from zero after an interruption.
"""

from __future__ import annotations

import contextlib
import ipaddress
import os
import re
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import httpx

from models.entry import HubSource
from models.errors import ModelError
from models.messages import (
    CLIENT_SETTINGS,
    FETCH_CANCELLED,
    HUB_OFFLINE,
    HUB_SETTINGS,
    HUB_UNREACHABLE,
    SOURCE_BROKE_OFF,
)

_TRIES_WITHOUT_DATA = 3
_TIMEOUT = httpx.Timeout(15.0, connect=10.0)
_CHUNK_BYTES = 1 << 18
_SHA256 = re.compile(r"[0-9a-f]{64}")


class SourceError(Exception):
    """A source does not have the file, or not now. `str()` says why, in the user's language."""


@dataclass(frozen=True)
class HubFile:
    """What the hub says about a file. `sha256` is given for large files (LFS), whose ETag it is."""

    url: str
    size_bytes: int
    sha256: str | None


def find(source: HubSource) -> HubFile:
    """Ask the hub about a file: one request, no retries, so that an unreachable hub is known within seconds.

    Raises:
        SourceError: the hub is not reached, or has no such file.
    """
    _read_settings()
    from huggingface_hub import constants, get_hf_file_metadata, hf_hub_url  # noqa: PLC0415 - slow to import

    if constants.HF_HUB_OFFLINE:
        raise SourceError(HUB_OFFLINE())
    _client().close()  # wrong settings are said before the library says only that a file is missing
    url = hf_hub_url(source.repo, source.file, revision=source.revision)
    try:
        metadata = get_hf_file_metadata(url, timeout=constants.HF_HUB_ETAG_TIMEOUT)
    except Exception as error:  # the library's network errors come from requests, httpx or httpx2, by its version
        reason = str(error).strip().splitlines() or [type(error).__name__]
        raise SourceError(HUB_UNREACHABLE(endpoint=constants.ENDPOINT, reason=reason[0])) from error
    etag = metadata.etag or ""
    return HubFile(
        url=url,
        size_bytes=metadata.size or 0,
        sha256=etag if _SHA256.fullmatch(etag) else None,
    )


def _read_settings() -> None:
    """Have huggingface_hub read its variables, which it does when it is imported. An empty one counts as not set.

    Raises:
        SourceError: one of them makes no sense.
    """
    for name in {"NO_PROXY", "no_proxy"} & os.environ.keys():
        # httpx makes no client at all for `[::1]` or `fe80::/10`: https://github.com/encode/httpx/issues/3221
        os.environ[name] = ",".join(filter(_is_understood, os.environ[name].split(",")))
    for name in [name for name, value in os.environ.items() if name.startswith("HF_") and not value.strip()]:
        del os.environ[name]
    try:
        from huggingface_hub import constants  # noqa: F401, PLC0415
    except ValueError as error:
        raise SourceError(HUB_SETTINGS(reason=error)) from error


def _is_understood(direct_host: str) -> bool:
    """Whether httpx can take one entry of `NO_PROXY`."""
    host = direct_host.strip()
    with contextlib.suppress(ValueError):
        return bool(ipaddress.ip_address(host))
    try:
        httpx.URL(host if "://" in host else f"all://*{host}")
    except httpx.InvalidURL:
        return False
    return True


def download(remote: HubFile, partial: Path, report: Callable[[int], None], cancelled: Callable[[], bool]) -> None:
    """Bring `partial` to the file's full size, going on from what it already holds.

    Raises:
        SourceError: the connection keeps breaking, or the server refuses.
        ModelError: `fetch-cancelled`; what has come so far stays.
    """
    tries_left = _TRIES_WITHOUT_DATA
    while (before := _size_of(partial)) < remote.size_bytes or not remote.size_bytes:
        try:
            _stream(remote, partial, report, cancelled)
            if _size_of(partial) == remote.size_bytes or not remote.size_bytes:
                return
            reason = ""
        except httpx.RequestError as error:
            reason = str(error) or type(error).__name__
        tries_left = _TRIES_WITHOUT_DATA if _size_of(partial) > before else tries_left - 1
        if not tries_left:
            raise SourceError(SOURCE_BROKE_OFF(url=remote.url, reason=reason))
        time.sleep(0.5)


def _stream(remote: HubFile, partial: Path, report: Callable[[int], None], cancelled: Callable[[], bool]) -> None:
    from huggingface_hub import constants, get_token  # noqa: PLC0415 - slow to import

    done = _size_of(partial)
    headers = {"Accept-Encoding": "identity"}
    if not constants.HF_HUB_DISABLE_IMPLICIT_TOKEN and (token := get_token()):
        headers["Authorization"] = f"Bearer {token}"  # httpx drops it where the hub redirects to another host
    if done:
        headers["Range"] = f"bytes={done}-"
    with _client() as client, client.stream("GET", remote.url, headers=headers) as response:
        if done and response.status_code == httpx.codes.REQUESTED_RANGE_NOT_SATISFIABLE:
            partial.unlink()  # the server's file is shorter: kept, this would be refused each time
        if response.is_error:
            raise SourceError(SOURCE_BROKE_OFF(url=remote.url, reason=f"HTTP {response.status_code}"))
        if response.status_code != httpx.codes.PARTIAL_CONTENT:
            done = 0  # the server does not continue files: it sends all of this one
        with partial.open("ab" if done else "wb") as file:
            for chunk in response.iter_bytes(_CHUNK_BYTES):
                if cancelled():
                    raise ModelError("fetch-cancelled", FETCH_CANCELLED)
                file.write(chunk)
                done += len(chunk)
                report(done)


def _client() -> httpx.Client:
    """Make a client with the proxies and certificates of this machine.

    Raises:
        SourceError: they are not what httpx can use.
    """
    try:
        return httpx.Client(timeout=_TIMEOUT, follow_redirects=True)
    except (httpx.InvalidURL, ImportError, OSError, ValueError) as error:
        raise SourceError(CLIENT_SETTINGS(reason=error)) from error


def _size_of(path: Path) -> int:
    return path.stat().st_size if path.exists() else 0
