"""Running one stage: its key, its folder, its manifest.

A stage reads recipe sections, the outputs of stages before it and files from outside; the hash of all that is its
key. It writes into `<stage>.partial`, and only a whole folder, manifest included, is renamed to `<stage>`: whatever
kills the process, a folder named `<stage>` is complete. Nothing here knows what a stage does.
"""

from __future__ import annotations

import errno
import hashlib
import importlib
import importlib.metadata
import json
import platform
import re
import shutil
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

from finetune.errors import FinetuneError
from finetune.messages import DISK_FULL, EXTRA_MISSING, FOREIGN_CHECKPOINT, OUT_OF_MEMORY
from finetune.recipe import Recipe
from models.errors import ModelError

MANIFEST = "manifest.json"
_KEY = "key.json"
_CHECKPOINTS = "checkpoints"
_VOLATILE_SUFFIXES = (".png", ".html", ".log")
_VOLATILE_NAMES = frozenset({MANIFEST, _KEY, "timing.json", "local.json"})
_VOLATILE_FOLDERS = frozenset({"tensorboard", _CHECKPOINTS})
_VERSION_KEYS = frozenset({"transformers_version", "peft_version"})
# What libraries say of a full disk: the system, numpy's `tofile`, `torch.save`.
_DISK_FULL = re.compile(r"No space left|\d requested and \d+ written|unexpected pos \d+ vs \d+")
_PACKAGES = ("torch", "transformers", "peft", "trl", "bitsandbytes", "llama-cpp-python", "datasets", "lm-eval")


@dataclass(frozen=True)
class Run:
    """A recipe and the folder that holds all it produces."""

    recipe: Recipe
    root: Path

    def folder(self, stage: str) -> Path:
        """Where a finished stage lies."""
        return self.root / stage


@dataclass(frozen=True)
class Stage:
    """What the runner must know of a stage.

    `function` is `module:name` of a callable `(run, folder) -> None`, imported when it runs. `external` gives hashes
    of inputs from outside the run. A `resumable` stage finds its own partial folder again; others start it empty.
    `knob` is what to turn down where memory runs out.
    """

    name: str
    needs: tuple[str, ...]
    sections: tuple[str, ...]
    function: str
    knob: str
    external: Callable[[Recipe], dict[str, str]] = lambda recipe: {}
    resumable: bool = False


@dataclass(frozen=True)
class Manifest:
    """What a finished stage was made from and what it made. `outputs`: relative path → SHA-256, stable files only."""

    stage: str
    key: str
    inputs: Mapping[str, str]
    outputs: Mapping[str, str]
    seed: int
    versions: Mapping[str, str]
    seconds: float


def read_manifest(folder: Path) -> Manifest | None:
    """The manifest of a folder, or None where there is none that can be read."""
    try:
        return Manifest(**json.loads((folder / MANIFEST).read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError):
        return None


def inputs_of(run: Run, stage: Stage) -> dict[str, str]:
    """Everything a stage depends on, each as a hash. A stage not yet done counts as "missing"."""
    inputs = {f"recipe.{name}": _hash_json(run.recipe.section(name)) for name in stage.sections}
    for before in stage.needs:
        manifest = read_manifest(run.folder(before))
        inputs[f"stage.{before}"] = _hash_json(manifest.outputs) if manifest else "missing"
    return inputs | stage.external(run.recipe)


def is_current(run: Run, stage: Stage) -> bool:
    """Whether a stage is done, from just these inputs, with all its outputs in place."""
    folder = run.folder(stage.name)
    manifest = read_manifest(folder)
    if manifest is None or manifest.key != _key(run, stage, inputs_of(run, stage)):
        return False
    return all((folder / name).exists() for name in manifest.outputs)


def execute(run: Run, stage: Stage, *, fresh: bool = False) -> Manifest:
    """Run a stage to a finished folder.

    Raises:
        FinetuneError: what the stage raises, and `disk-full`, `out-of-memory`, `extra-missing`, `foreign-checkpoint`.
    """
    inputs = inputs_of(run, stage)
    key = _key(run, stage, inputs)
    partial = run.root / f"{stage.name}.partial"
    manifest = read_manifest(partial)
    if manifest is not None and manifest.key == key:  # killed between the last write and the rename
        _put_in_place(partial, run.folder(stage.name))
        return manifest
    _open_partial(partial, key, resumable=stage.resumable, fresh=fresh)
    started = time.monotonic()
    _call(run, stage, partial)
    seconds = round(time.monotonic() - started, 1)
    manifest = Manifest(stage.name, key, inputs, _outputs(partial), run.recipe.seed, versions(), seconds)
    write_json(partial / MANIFEST, asdict(manifest))
    _put_in_place(partial, run.folder(stage.name))
    return manifest


def write_json(path: Path, value: object) -> None:
    """Write JSON so that a reader sees the old file or the new one, never half of it."""
    scratch = path.with_name(path.name + ".new")
    scratch.write_text(json.dumps(value, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")
    scratch.replace(path)


def file_hash(path: Path) -> str:
    """SHA-256 of a file."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def versions() -> dict[str, str]:
    """What the numbers depend on besides the inputs."""
    found = {"python": platform.python_version(), "platform": platform.platform()}
    for name in _PACKAGES:
        try:
            found[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            continue
    return found


def is_volatile(name: str) -> bool:
    """Whether a file may differ between two equal runs (times, hosts, pictures)."""
    path = Path(name)
    return (
        path.name in _VOLATILE_NAMES
        or path.suffix in _VOLATILE_SUFFIXES
        or not _VOLATILE_FOLDERS.isdisjoint(path.parts)
    )


def _call(run: Run, stage: Stage, partial: Path) -> None:
    module, _, name = stage.function.partition(":")
    try:
        getattr(importlib.import_module(module), name)(run, partial)
    except ModuleNotFoundError as error:
        raise FinetuneError("extra-missing", EXTRA_MISSING, name=error.name) from error
    except MemoryError as error:
        raise FinetuneError("out-of-memory", OUT_OF_MEMORY, stage=stage.name, knob=stage.knob) from error
    except ModelError:
        raise
    except Exception as error:  # safetensors raises what is neither an OSError nor a RuntimeError
        text = str(error)
        if is_disk_full(error):
            raise FinetuneError("disk-full", DISK_FULL, path=run.root) from error
        if "out of memory" in text or "can't allocate memory" in text or "not enough memory" in text:
            raise FinetuneError("out-of-memory", OUT_OF_MEMORY, stage=stage.name, knob=stage.knob) from error
        raise


def is_disk_full(error: Exception) -> bool:
    """Whether this is what a library says where a file could not be written to its end."""
    return getattr(error, "errno", None) == errno.ENOSPC or _DISK_FULL.search(str(error)) is not None


def _open_partial(partial: Path, key: str, *, resumable: bool, fresh: bool) -> None:
    if partial.exists():
        same = _read_key(partial) == key
        if resumable and not same and not fresh and (partial / _CHECKPOINTS).exists():
            raise FinetuneError("foreign-checkpoint", FOREIGN_CHECKPOINT, path=partial)
        if resumable and not same and fresh:
            partial.replace(_free_name(partial))
        elif not (resumable and same) or fresh:
            shutil.rmtree(partial)
    partial.mkdir(parents=True, exist_ok=True)
    write_json(partial / _KEY, key)


def _read_key(partial: Path) -> str:
    try:
        return str(json.loads((partial / _KEY).read_text(encoding="utf-8")))
    except (OSError, ValueError):
        return ""


def _free_name(path: Path) -> Path:
    return next(name for i in range(1, 10_000) if not (name := path.with_name(f"{path.name}.{i}")).exists())


def _put_in_place(partial: Path, final: Path) -> None:
    # Only now: killed earlier, the stage would not know its own folder again, or find nothing to go on from.
    (partial / _KEY).unlink(missing_ok=True)
    shutil.rmtree(partial / _CHECKPOINTS, ignore_errors=True)
    old = final.with_name(f"{final.name}.old")
    shutil.rmtree(old, ignore_errors=True)
    if final.exists():
        final.replace(old)
    partial.replace(final)
    shutil.rmtree(old, ignore_errors=True)


def _outputs(folder: Path) -> dict[str, str]:
    names = sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())
    return {name: _output_hash(folder / name) for name in names if not is_volatile(name)}


def _output_hash(path: Path) -> str:
    """The hash of an output; the versions that libraries write into their configurations do not count."""
    if path.name in ("config.json", "generation_config.json", "adapter_config.json"):
        config = json.loads(path.read_text(encoding="utf-8"))
        return _hash_json({key: value for key, value in config.items() if key not in _VERSION_KEYS})
    return file_hash(path)


def _key(run: Run, stage: Stage, inputs: Mapping[str, str]) -> str:
    return _hash_json({"stage": stage.name, "seed": run.recipe.seed, "inputs": dict(inputs)})


def _hash_json(value: object) -> str:
    return hashlib.sha256(json.dumps(value, sort_keys=True, ensure_ascii=False).encode()).hexdigest()
