"""Which model the settings mean, how it is asked, and reaching it.

Owns: from `Settings` to `Choice` (nothing started) and from that to `Served` (answering). Does not own: questions to
the user, downloads and status (`engines`), the catalog (`models`).
"""

from __future__ import annotations

import hashlib
import ipaddress
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import get_args
from urllib.parse import urlsplit

from lsp_server import messages
from lsp_server.engine.base import Engine, EngineProps, LoraScale
from lsp_server.engine.client import connect_endpoint
from lsp_server.engine.local import LocalEngine
from lsp_server.engine.process import EngineProcess, OnWait
from lsp_server.engine.spec import EngineSpec
from lsp_server.errors import KodopisError
from lsp_server.served import Served
from lsp_server.settings import Settings
from models.catalog import Catalog, ModelEntry
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

    `missing` names what has to be fetched first. `scales` is the adapter's strength for each kind of request.
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
        ModelError: an unknown model or adapter, or one that does not fit.
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
    adapter = catalog.adapter(settings.adapter, entry, path if is_here else None)
    scale = adapter.scale if adapter and settings.adapter_scale is None else settings.adapter_scale
    return Choice(
        settings=settings,
        model_id=entry.id,
        title=entry.title,
        formats=_overridden(entry.prompt, settings),
        spec=_spec(settings, model_path=path, adapters=(adapter.path,) if adapter else ()),
        entry=entry,
        missing=None if is_here else entry,
        adapter_id=adapter.id if adapter else "",
        scales=_scales(1.0 if scale is None else scale, settings) if adapter else {},
    )


async def serve(choice: Choice, on_wait: OnWait | None = None, idle_timeout_s: float = 900.0) -> Served:
    """Reach the chosen model: connect, or start its engine and wait until it is loaded.

    Raises:
        EngineError: why that is not possible.
        KodopisError: `model_not_installed`.
    """
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
        can_tokenize=props.can_tokenize,
        is_remote=choice.is_remote,
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


def _overridden(formats: Mapping[Kind, str], settings: Settings) -> Mapping[Kind, str]:
    """The formats, with the user's own for the kinds of request that it serves."""
    own = settings.prompt_format
    if own in ("", "auto"):
        return formats
    if own not in FORMATS:
        raise KodopisError("unknown_format", messages.UNKNOWN_PROMPT_FORMAT, name=own, known=", ".join(FORMATS))
    return {**formats, **dict.fromkeys(FORMATS[own], own)}


def _scales(scale: float, settings: Settings) -> Mapping[Kind, float]:
    """Adapters are trained on code: unless the user set a scale, answers in words come from the bare model."""
    in_words = 0.0 if settings.adapter_scale is None else scale
    return {kind: in_words if kind == "chat" else scale for kind in _KINDS}


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
