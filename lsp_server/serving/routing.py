"""Which requests an adapter acts on, and how each kind of request is asked.

Owns: a model's formats and an adapter's scales by kind of request. Does not own: finding either (`choice`), or what an
engine makes of scales.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import PurePosixPath
from typing import get_args

from lsp_server import messages
from lsp_server.engine.base import EngineProps, LoraScale
from lsp_server.engine.transport import shown_url
from lsp_server.errors import KodopisError
from lsp_server.settings import Settings
from models.catalog import AdapterEntry, Catalog
from models.prompt import FORMATS, Kind

KINDS: tuple[Kind, ...] = get_args(Kind)
Lora = Mapping[Kind, tuple[LoraScale, ...]]


@dataclass(frozen=True)
class Routes:
    """How each kind of request is asked, and how strongly the adapter acts on it (on kinds left out, not at all).

    `bare` is how the model is asked without its adapter; None where nothing is asked so.
    """

    formats: Mapping[Kind, str]
    scales: Mapping[Kind, float] = field(default_factory=dict)
    bare: Mapping[Kind, str] | None = None


def bare_routes(formats: Mapping[Kind, str], settings: Settings) -> Routes:
    """A model without an adapter, with the user's own format for the kinds of request that it serves.

    Raises:
        KodopisError: `unknown_format`.
    """
    own = settings.prompt_format
    if own in ("", "auto"):
        return Routes(formats)
    if own not in FORMATS:
        raise KodopisError("unknown_format", messages.UNKNOWN_PROMPT_FORMAT, name=own, known=", ".join(FORMATS))
    return Routes({**formats, **dict.fromkeys(FORMATS[own], own)})


def adapted_routes(formats: Mapping[Kind, str], adapter: AdapterEntry, settings: Settings) -> Routes:
    """An adapter acts on what it was trained for, in the form of its training; the base alone answers all else.

    A scale that the user sets acts on every request, for those who want to see what the adapter does to them.
    """
    bare = bare_routes(formats, settings).formats
    scale = adapter.scale if settings.adapter_scale is None else settings.adapter_scale
    asked = bare_routes({**formats, **(adapter.prompt if scale else {})}, settings).formats
    if settings.adapter_scale is not None:
        return Routes(asked, dict.fromkeys(KINDS, scale))
    trained = tuple(adapter.prompt) or tuple(kind for kind in KINDS if kind != "chat")
    return Routes(asked, dict.fromkeys(trained, scale), bare)


@dataclass(frozen=True)
class EndpointRoutes:
    """The same for a server elsewhere, with scales as they are sent: its adapters act unless it is told otherwise."""

    routes: Routes
    lora: Lora = field(default_factory=dict)
    bare_lora: tuple[LoraScale, ...] = ()
    trouble: str = ""


def endpoint_routes(formats: Mapping[Kind, str], settings: Settings, props: EngineProps) -> EndpointRoutes:
    """An adapter of the catalog that a server has loaded acts as it would here, others as their owner set them."""
    bare = bare_routes(formats, settings)
    off = tuple(LoraScale(number, 0.0) for number in range(len(props.adapters)))
    if settings.adapter == "none":
        return EndpointRoutes(bare, dict.fromkeys(KINDS, off), off)
    for number, path in enumerate(props.adapters):
        if (adapter := _adapter_named(path)) is not None:
            routes = adapted_routes(formats, adapter, settings)
            scales = {kind: routes.scales.get(kind, 0.0) for kind in KINDS}
            lora = {kind: _with_scale(off, number, scale) for kind, scale in scales.items()}
            return EndpointRoutes(routes, lora, off)
    if settings.adapter_scale is not None:
        every = tuple(LoraScale(one.id, settings.adapter_scale) for one in off)
        return EndpointRoutes(bare, dict.fromkeys(KINDS, every))
    trouble = ""
    if settings.adapter not in ("", "auto") and not props.adapters:
        endpoint = shown_url(settings.endpoint)
        trouble = messages.ENDPOINT_WITHOUT_ADAPTER(adapter=settings.adapter, endpoint=endpoint)
    return EndpointRoutes(bare, trouble=trouble)


def _with_scale(off: tuple[LoraScale, ...], number: int, scale: float) -> tuple[LoraScale, ...]:
    return tuple(LoraScale(one.id, scale) if one.id == number else one for one in off)


def _adapter_named(path: str) -> AdapterEntry | None:
    """The catalog's adapter whose file has this name."""
    name = PurePosixPath(path.replace("\\", "/")).name
    return next((adapter for adapter in Catalog.load().adapters if adapter.path.name == name), None)
