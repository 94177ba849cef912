"""Which model the settings mean, how it is asked, and reaching it.

Owns: from `Settings` to `Choice` (nothing started) and from that to `Served` (answering). Does not own: questions to
the user, downloads and status (`engines`), the catalog (`models`).
"""

from __future__ import annotations

import hashlib
import ipaddress
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import get_args
from urllib.parse import urlsplit

from lsp_server import messages
from lsp_server.engine.base import Engine, EngineProps, LoraScale
from lsp_server.engine.client import connect_endpoint
from lsp_server.engine.local import LocalEngine
from lsp_server.engine.process import EngineProcess, OnWait
from lsp_server.engine.spec import EngineSpec
from lsp_server.errors import EngineError, KodopisError
from lsp_server.served import Served
from lsp_server.settings import Settings
from models.catalog import AdapterEntry, Catalog, ModelEntry
from models.errors import ModelError
from models.prompt import FORMATS, Kind
from models.store import Store

SCRIPT_MARK = "scripted:"
_Lora = Mapping[Kind, Sequence[LoraScale]]
_KINDS: tuple[Kind, ...] = get_args(Kind)
_SCRIPT_FORMATS: Mapping[Kind, str] = {"code": "chatml", "docstring": "prefix", "fim": "qwen-fim", "chat": "chatml"}
_UNKNOWN_FORMATS: Mapping[Kind, str] = {"code": "prefix", "fim": "prefix", "chat": "chatml"}


@dataclass(frozen=True)
class Choice:
    """A model that was chosen, before anything is started. `spec` is None for an endpoint.

    `missing` names what has to be fetched first. `scales` is the adapter's strength for each kind of request that it
    acts on; `bare_formats` are the formats without it, None where nothing is asked without it. `trouble` is what is
    wrong with the adapter that was meant: the base answers then.
    """

    settings: Settings
    model_id: str
    title: str
    formats: Mapping[Kind, str]
    spec: EngineSpec | None = None
    entry: ModelEntry | None = None
    missing: ModelEntry | None = None
    adapter_id: str = ""
    scales: Mapping[Kind, float] = field(default_factory=dict)
    bare_formats: Mapping[Kind, str] | None = None
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
        ModelError: an unknown model, or a catalog that cannot be read.
    """
    if settings.endpoint:
        known = Catalog.load(home=home).get(settings.model)
        formats = _overridden(known.prompt if known else {}, settings)
        return Choice(settings, settings.model, settings.endpoint, formats, entry=known)
    if settings.model.startswith(SCRIPT_MARK):
        path = Path(settings.model.removeprefix(SCRIPT_MARK))
        spec = _spec(settings, scripted=path)
        return Choice(settings, settings.model, path.name, _overridden(_SCRIPT_FORMATS, settings), spec)
    catalog, store = Catalog.load(home=home), Store(home)
    entry = catalog.resolve(settings.model)
    is_here = store.is_installed(entry)
    path = store.path(entry)
    bare = Choice(
        settings=settings,
        model_id=entry.id,
        title=entry.title,
        formats=_overridden(entry.prompt, settings),
        spec=_spec(settings, model_path=path),
        entry=entry,
        missing=None if is_here else entry,
    )
    try:
        adapter = catalog.adapter(settings.adapter, entry, path if is_here else None)
    except ModelError as error:
        return replace(bare, trouble=str(error))
    return _with_adapter(bare, adapter) if adapter else bare


def without_adapter(choice: Choice, trouble: str) -> Choice:
    """The same model without the adapter, and why."""
    assert choice.entry is not None
    assert choice.spec is not None
    return replace(
        choice,
        formats=_overridden(choice.entry.prompt, choice.settings),
        spec=replace(choice.spec, adapters=()),
        adapter_id="",
        scales={},
        bare_formats=None,
        trouble=trouble,
    )


async def serve(choice: Choice, on_wait: OnWait | None = None, idle_timeout_s: float = 900.0) -> Served:
    """Reach the chosen model: connect, or start its engine and wait until it is loaded.

    Where the engine refuses the adapter, its base is served, and `Served.trouble` says why.

    Raises:
        EngineError: why that is not possible.
        KodopisError: `model_not_installed`.
    """
    try:
        return await _serve(choice, on_wait, idle_timeout_s)
    except EngineError as error:
        if error.code != "adapter_damaged":
            raise
        return await _serve(without_adapter(choice, str(error)), on_wait, idle_timeout_s)


async def _serve(choice: Choice, on_wait: OnWait | None, idle_timeout_s: float) -> Served:
    settings = choice.settings
    if choice.spec is None:
        engine = await connect_endpoint(settings.endpoint)
        props = await engine.props()
        entry = choice.entry or _entry_of(props.model_path)
        formats = choice.formats or _overridden(entry.prompt if entry else _UNKNOWN_FORMATS, settings)
        lora = _endpoint_lora(settings, props)
        name = choice.entry.id if choice.entry else Path(props.model_path).name or settings.endpoint
        return _served(choice, engine, props, name=name, formats=formats, lora=lora)
    choice.require_installed()
    local = LocalEngine(EngineProcess(choice.spec, idle_timeout_s=idle_timeout_s), on_wait)
    props = await local.props()
    own = {kind: (LoraScale(0, scale),) for kind, scale in choice.scales.items()}
    return _served(choice, local, props, name=choice.model_id, formats=choice.formats, lora=own)


def _served(
    choice: Choice, engine: Engine, props: EngineProps, *, name: str, formats: Mapping[Kind, str], lora: _Lora
) -> Served:
    return Served(
        engine=engine,
        model_id=name,
        title=name if choice.spec is None else choice.title,
        formats=formats,
        lora={kind: tuple(scales) for kind, scales in lora.items()},
        n_ctx=props.n_ctx or choice.settings.n_ctx,
        bare_formats=choice.bare_formats,
        can_tokenize=props.can_tokenize,
        is_remote=choice.is_remote,
        trouble=choice.trouble or _endpoint_trouble(choice, props),
    )


def _endpoint_trouble(choice: Choice, props: EngineProps) -> str:
    """A server elsewhere loads its adapters when it starts: one that the settings name cannot be sent to it."""
    wanted = choice.settings.adapter
    if choice.spec is not None or wanted in ("", "auto", "none") or props.adapters:
        return ""
    return messages.ENDPOINT_WITHOUT_ADAPTER(adapter=wanted, endpoint=choice.settings.endpoint)


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


def _overridden(formats: Mapping[Kind, str], settings: Settings) -> Mapping[Kind, str]:
    """The formats, with the user's own for the kinds of request that it serves."""
    own = settings.prompt_format
    if own in ("", "auto"):
        return formats
    if own not in FORMATS:
        raise KodopisError("unknown_format", messages.UNKNOWN_PROMPT_FORMAT, name=own, known=", ".join(FORMATS))
    return {**formats, **dict.fromkeys(FORMATS[own], own)}


def _with_adapter(bare: Choice, adapter: AdapterEntry) -> Choice:
    """An adapter acts on what it was trained for, in the form of its training; the base alone answers all else.

    A scale that the user sets acts on every request, for those who want to see what the adapter does to them.
    """
    settings = bare.settings
    assert bare.entry is not None
    assert bare.spec is not None
    trained = tuple(adapter.prompt) or tuple(kind for kind in _KINDS if kind != "chat")
    is_routed = settings.adapter_scale is None
    scale = adapter.scale if settings.adapter_scale is None else settings.adapter_scale
    formats = _overridden({**bare.entry.prompt, **(adapter.prompt if scale else {})}, settings)
    return replace(
        bare,
        formats=formats,
        spec=replace(bare.spec, adapters=(adapter.path,)),
        adapter_id=adapter.id,
        scales=dict.fromkeys(trained if is_routed else _KINDS, scale),
        bare_formats=bare.formats if is_routed else None,
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


def _endpoint_lora(settings: Settings, props: EngineProps) -> _Lora:
    """An endpoint's adapters act as its owner set them, unless the user's settings say how strongly."""
    scale = 0.0 if settings.adapter == "none" else settings.adapter_scale
    if scale is None:
        return {}
    return {kind: [LoraScale(number, scale) for number in range(len(props.adapters))] for kind in _KINDS}
