"""Which model the settings mean, how it is asked, and reaching it.

Owns: from `Settings` to `Choice` (nothing started) and from that to `Served` (answering). Does not own: questions to
the user, downloads and status (`engines`), the catalog (`models`).
"""

from __future__ import annotations

import functools
import hashlib
import ipaddress
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from urllib.parse import urlsplit

from lsp_server import messages
from lsp_server.engine.base import Engine, EngineProps, LoraScale
from lsp_server.engine.client import connect_endpoint
from lsp_server.engine.local import LocalEngine
from lsp_server.engine.process import EngineProcess, OnWait
from lsp_server.engine.spec import EngineSpec
from lsp_server.engine.transport import shown_url
from lsp_server.errors import EngineError, KodopisError
from lsp_server.serving.routing import Lora, Routes, adapted_routes, bare_routes, endpoint_routes
from lsp_server.serving.served import Served
from lsp_server.settings import Settings
from models.catalog import Catalog, ModelEntry
from models.errors import ModelError
from models.prompt import Kind
from models.store import Store

Processes = dict[EngineSpec, EngineProcess]

SCRIPT_MARK = "scripted:"
_SCRIPT_FORMATS: Mapping[Kind, str] = {"code": "chatml", "docstring": "prefix", "fim": "qwen-fim", "chat": "chatml"}
_UNKNOWN_FORMATS: Mapping[Kind, str] = {"code": "prefix", "fim": "prefix", "chat": "chatml"}


@dataclass(frozen=True)
class Choice:
    """A model that was chosen, before anything is started. `spec` is None for an endpoint.

    `missing` names what has to be fetched first. `trouble` is what is wrong with the adapter that was meant: the base
    answers then.
    """

    settings: Settings
    model_id: str
    title: str
    routes: Routes
    spec: EngineSpec | None = None
    entry: ModelEntry | None = None
    missing: ModelEntry | None = None
    adapter_id: str = ""
    trouble: str = ""

    @property
    def is_remote(self) -> bool:
        """Whether code leaves this machine."""
        return bool(self.settings.endpoint) and not is_loopback(self.settings.endpoint)

    def require_installed(self) -> None:
        """Raise KodopisError `model_not_installed` where the model's files are not here."""
        if self.missing is not None:
            raise KodopisError(
                "model_not_installed",
                messages.MODEL_NOT_INSTALLED,
                title=self.missing.title,
                id=self.missing.id,
            )


def is_loopback(url: str) -> bool:
    """Whether an address is this machine's own."""
    host = urlsplit(url).hostname or ""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def choose(settings: Settings, home: Path | None = None) -> Choice:
    """Settle which model is meant. Reads the catalog and looks for files; starts nothing.

    Raises:
        ModelError: an unknown model, a file of the user's own that is gone, or a catalog that cannot be read.
    """
    if settings.endpoint:
        known = Catalog.load(home=home).get(settings.model)
        routes = bare_routes(known.prompt if known else {}, settings)
        return Choice(settings, settings.model, shown_url(settings.endpoint), routes, entry=known)
    if settings.model.startswith(SCRIPT_MARK):
        path = Path(settings.model.removeprefix(SCRIPT_MARK))
        spec = _spec(settings, scripted=path)
        return Choice(settings, settings.model, path.name, bare_routes(_SCRIPT_FORMATS, settings), spec)
    catalog, store = Catalog.load(home=home), Store(home)
    entry = catalog.resolve(settings.model)
    is_here = store.is_installed(entry)
    if not is_here and entry.is_local:
        store.require(entry)  # a file of the user's own that is gone cannot be downloaded
    path = store.path(entry)
    bare = Choice(
        settings=settings,
        model_id=entry.id,
        title=entry.title,
        routes=bare_routes(entry.prompt, settings),
        spec=_spec(settings, model_path=path),
        entry=entry,
        missing=None if is_here else entry,
    )
    try:
        adapter = catalog.adapter(settings.adapter, entry, path if is_here else None)
    except ModelError as error:
        return replace(bare, trouble=str(error))
    if adapter is None:
        return bare
    routes = adapted_routes(entry.prompt, adapter, settings)
    spec = _spec(settings, model_path=path, adapters=(adapter.path,))
    return replace(bare, routes=routes, spec=spec, adapter_id=adapter.id)


def without_adapter(choice: Choice, trouble: str) -> Choice:
    """The same model without the adapter, and why."""
    assert choice.entry is not None
    assert choice.spec is not None
    routes = bare_routes(choice.entry.prompt, choice.settings)
    return replace(choice, routes=routes, spec=replace(choice.spec, adapters=()), adapter_id="", trouble=trouble)


async def serve(
    choice: Choice,
    on_wait: OnWait | None = None,
    idle_timeout_s: float = 900.0,
    processes: Processes | None = None,
) -> Served:
    """Reach the chosen model: connect, or start its engine and wait until it is loaded.

    Where the engine refuses the adapter, its base is served, and `Served.trouble` says why. `processes` are those of
    earlier calls, which remember what did not load and how often it was started; new ones are added.

    Raises:
        EngineError: why that is not possible.
        KodopisError: `model_not_installed`.
    """
    processes = {} if processes is None else processes
    try:
        return await _serve(choice, on_wait, idle_timeout_s, processes)
    except EngineError as error:
        if error.code != "adapter_damaged":
            raise
        return await _serve(without_adapter(choice, str(error)), on_wait, idle_timeout_s, processes)


async def _serve(choice: Choice, on_wait: OnWait | None, idle_timeout_s: float, processes: Processes) -> Served:
    settings, routes = choice.settings, choice.routes
    if choice.spec is None:
        engine: Engine = await connect_endpoint(settings.endpoint)
        props = await engine.props()
        entry = choice.entry or _entry_of(props.model_path)
        found = endpoint_routes(entry.prompt if entry else _UNKNOWN_FORMATS, settings, props)
        name = choice.entry.id if choice.entry else Path(props.model_path).name or choice.title
        served = _served(choice, engine, props, found.routes, found.lora)
        return replace(served, model_id=name, title=name, bare_lora=found.bare_lora, trouble=found.trouble)
    choice.require_installed()
    if choice.spec not in processes:
        check = functools.partial(_verify, choice.entry)
        processes[choice.spec] = EngineProcess(choice.spec, idle_timeout_s=idle_timeout_s, check=check)
    engine = LocalEngine(processes[choice.spec], on_wait)
    props = await engine.props()
    return _served(
        choice, engine, props, routes, {kind: (LoraScale(0, scale),) for kind, scale in routes.scales.items()}
    )


def _verify(entry: ModelEntry | None) -> None:
    """Refuse files that are not what the catalog says, whoever put them there. Files that are as recorded cost nothing.

    A file of the user's own that nobody knows the hash of is not read: there is nothing to hold it against.

    Raises:
        EngineError: what `Store.verify` says, or `model_unreadable`.
    """
    if entry is None:
        return
    files = tuple(file for file in entry.files if file.path is None or file.sha256)
    try:
        Store().verify(replace(entry, files=files))
    except ModelError as error:
        raise EngineError(error.code, error.message, **error.fields) from error
    except OSError as error:
        raise EngineError("model_unreadable", messages.MODEL_UNREADABLE, title=entry.title, reason=error) from error


def _served(choice: Choice, engine: Engine, props: EngineProps, routes: Routes, lora: Lora) -> Served:
    return Served(
        engine=engine,
        model_id=choice.model_id,
        title=choice.title,
        formats=routes.formats,
        lora=lora,
        n_ctx=props.n_ctx or choice.settings.n_ctx,
        bare_formats=routes.bare,
        can_tokenize=props.can_tokenize,
        is_remote=choice.is_remote,
        trouble=choice.trouble,
    )


def identity(settings: Settings) -> str:
    """Names all settings that an answer depends on."""
    relevant = asdict(settings)
    for name in ("automatic", "automatic_english", "language", "n_threads", "time_budget_ms"):
        del relevant[name]
    return hashlib.sha256(json.dumps(relevant, sort_keys=True).encode()).hexdigest()[:16]


def _spec(
    settings: Settings, *, model_path: Path | None = None, scripted: Path | None = None, adapters: tuple[Path, ...] = ()
) -> EngineSpec:
    return EngineSpec(
        model_path=model_path,
        adapters=adapters,
        n_ctx=settings.n_ctx,
        n_threads=settings.n_threads,
        n_gpu_layers=settings.n_gpu_layers,
        scripted=scripted,
    )


def _entry_of(model_path: str) -> ModelEntry | None:
    """The catalog's entry for what an endpoint says it serves, found by the file's name or the id in it."""
    name = Path(model_path.replace("\\", "/")).name.lower()
    if not name:
        return None
    for entry in Catalog.load().entries:
        if entry.id in name or any(file.name.lower() == name for file in entry.files):
            return entry
    return None
