"""The stage `card`: a model card and a catalog entry, written from what the other stages measured.

The entry goes into the user's catalog, so that `kodopis ask --model <recipe>` works at once.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import tomlkit
import yaml

from finetune.base import open_base
from finetune.export.stage import adapter_name, quantised_name
from finetune.recipe import Recipe
from finetune.stage import Run, file_hash, read_manifest
from models.catalog import Catalog
from models.gguf import read_header
from models.local import local_entry
from models.own import add_entry
from models.prompt import FORMATS, Kind
from models.store import Store


def run(run: Run, folder: Path) -> None:
    """The stage. Leaves `README.md` and `catalog.toml`, and tells the user's catalog."""
    entry, adapter = catalog_entry(run), adapter_entry(run)
    (folder / "README.md").write_text(card_text(run, entry), encoding="utf-8")
    # Paths differ between machines, so the file with them is named as what is not hashed.
    local = {"model": [entry], "adapter": [adapter] if adapter else []}
    (folder / "local.json").write_text(json.dumps(local, ensure_ascii=False, indent=1), encoding="utf-8")
    portable: dict[str, Any] = {
        "model": [{**entry, "files": [{k: v for k, v in entry["files"][0].items() if k != "path"}]}]
    }
    add_entry("model", entry, Store())
    if adapter:
        portable["adapter"] = [{**adapter, "path": Path(adapter["path"]).name}]
        add_entry("adapter", adapter, Store())
    (folder / "catalog.toml").write_text(tomlkit.dumps(portable), encoding="utf-8")


def adapter_entry(run: Run, file: Path | None = None) -> dict[str, Any] | None:
    """The entry of the adapter alone, for use over its base; None where the base is no model of the catalog."""
    model = run.recipe.model
    base = Catalog.load().get(model.base.removeprefix("gguf:")) if model.base.startswith("gguf:") else None
    if base is None:
        return None
    path = (file or run.folder("export") / adapter_name(run)).resolve()
    kinds: tuple[Kind, ...] = ("code", "docstring") if run.recipe.data.has_docstrings else ("code",)
    return {
        "id": f"{run.recipe.name}-adapter",
        "base": base.id,
        "path": str(path),
        "sha256": file_hash(path),
        "licence": model.licence,
        "prompt": {kind: model.format_for(docstring=kind == "docstring") for kind in kinds},
    }


def catalog_entry(run: Run) -> dict[str, Any]:
    """The entry of the merged model, in the form of `catalog.toml`; the first quantisation of the recipe is served."""
    kinds = run.recipe.export.quantise
    path = (run.folder("export") / quantised_name(run, kinds[0])).resolve()
    known = local_entry(path)
    model = run.recipe.model
    chat = model.prompt_format if "chat" in FORMATS[model.prompt_format] else model.chat_format
    fim = model.prompt_format if "fim" in FORMATS[model.prompt_format] else f"{model.prompt_format}-prefill"
    title = model.title or run.recipe.name
    return {
        "id": run.recipe.name,
        "title": title,
        "description": {
            "ru": f"Дообучена по рецепту {run.recipe.name}.",
            "en": f"Tuned by the recipe {run.recipe.name}.",
        },
        "licence": model.licence,
        "source_url": "",
        "architecture": read_header(path).architecture,
        "n_params": known.n_params,
        "n_ctx_train": known.n_ctx_train,
        "prompt": {
            "code": model.prompt_format,
            "docstring": model.format_for(docstring=True),
            "fim": fim,
            "chat": chat,
        },
        "files": [{"name": path.name, "path": str(path), "size_bytes": path.stat().st_size, "sha256": file_hash(path)}],
    }


def card_text(run: Run, entry: Mapping[str, Any]) -> str:
    """The card in Markdown: what it is, how it was made, what was measured, what it costs."""
    merge = _read(run, "merge", "summary.json")
    losses = merge["held_out_loss"]
    requantised = open_base(run).is_requantised
    lines = [
        *how_made(run, entry["title"]),
        f"- Merged on path {merge['chosen']}: held-out loss per token {losses[merge['chosen']]:.4f}, with the adapter "
        f"instead {losses['adapter_on_training_base']:.4f}, cast to fp16 {losses['after_cast_to_fp16']:.4f}"
        + ("; the quantised files here are **requantised**" if requantised else ""),
        "\n## Files\n",
        _files(run),
        "\n## Parity with what was trained\n",
        _markdown(
            ("check", "value", "bar"),
            [
                (c["name"], _number(c["value"]), c["bar"] or "reported")
                for c in _read(run, "verify", "report.json")["checks"]
            ],
        ),
        "\n## Measured\n",
        _measured(run),
    ]
    return "\n".join(lines) + "\n"


def how_made(run: Run, title: str) -> list[str]:
    """The card's first lines: what is known as soon as training is over."""
    recipe = run.recipe
    data = _read(run, "data", "summary.json")
    train = _read(run, "train", "summary.json")
    licences = sorted({source.licence for source in recipe.data.learned})
    front = front_matter({"language": ["ru", "en"], "license": recipe.model.licence, "base_model": recipe.model.base})
    rows = read_manifest(run.folder("data"))
    return [
        f"---\n{front}---\n# {title}\n",
        f"{recipe.description}.\n",
        f"- Recipe: `{recipe.name}`, seed {recipe.seed}",
        f"- Base: `{recipe.model.base}`; weights while training: {recipe.model.precision}"
        + (", dequantised from GGUF" if open_base(run).is_requantised else ""),
        f"- Prompt format: {_formats(recipe)}, template hash `{data['template_hash'][:16]}`",
        f"- Licence of the base: {recipe.model.licence}; of the data: {', '.join(licences)}",
        f"- LoRA: r = {recipe.lora.r}, alpha = {recipe.lora.alpha}, {train['trainable_parameters']:,} trained weights",
        f"- {train['steps']} steps, learning rate {recipe.train.learning_rate:g} ({recipe.train.schedule}), "
        f"replay {recipe.data.replay_fraction:g}, KL to the base {recipe.train.kl_to_base:g}; "
        f"best held-out loss per token {train['best_held_out_loss']:.4f}, at step {train['best_step']}",
        f"- Rows: {data['rows']['train']} to learn ({data['completion_tokens']['train']:,} tokens with loss, "
        f"SHA-256 `{rows.outputs['train.jsonl'][:16] if rows else ''}`), "
        f"{data['rows']['validation']} to validate, {data['rows']['test']} to test",
        f"- The stop token is the first choice where an answer ends in "
        f"{train['stop_token']['top1']:.0%} of held-out rows",
    ]


def front_matter(tree: Mapping[str, Any]) -> str:
    """The card's front matter."""
    return str(yaml.safe_dump(dict(tree), allow_unicode=True, sort_keys=False))


def _formats(recipe: Recipe) -> str:
    code, *docstring = recipe.model.formats
    return f"`{code}`" + "".join(f", under docstrings `{one}`" for one in docstring)


def _files(run: Run) -> str:
    tensors = _read(run, "export", "tensors.json")
    manifest = read_manifest(run.folder("export"))
    hashes = manifest.outputs if manifest else {}
    kinds = [quantised_name(run, kind) for kind in run.recipe.export.quantise]
    rows = []
    for name in (*kinds, adapter_name(run)):
        counts = ", ".join(f"{count} {kind}" for kind, count in sorted(tensors["counts"][name].items()))
        rows.append((name, f"{tensors['size_bytes'][name] / 1e6:.1f} MB", counts, f"`{hashes.get(name, '')[:16]}`"))
    return _markdown(("file", "size", "tensors", "SHA-256"), rows)


def _measured(run: Run) -> str:
    sets = _read(run, "evaluate", "perplexity.json")
    rows: list[tuple[object, ...]] = [
        (f"perplexity, {one['set']}", _number(one["base"]["perplexity"]), _number(one["adapter"]["perplexity"]))
        for one in sets
    ]
    for one in _read(run, "evaluate", "humaneval.json"):
        rows += [
            (
                f"HumanEval-XL {one['set']}, {metric} ({one['problems']} problems)",
                _number(s["base"]),
                _number(s["tuned"]),
            )
            for metric, s in one["scores"].items()
        ]
    tasks = _read(run, "evaluate", "tasks.json")
    base = {one["task"]: one["value"] for one in tasks.get("base", [])} if tasks else {}
    for one in tasks.get("merged", []) if tasks else []:
        rows.append(
            (
                f"{one['task']}, % ({one['limit'] or 'all'} problems)",
                _number(base.get(one["task"])),
                _number(one["value"]),
            )
        )
    return _markdown(("measure", "base", "tuned"), rows)


def _read(run: Run, stage: str, name: str) -> Any:
    return json.loads((run.folder(stage) / name).read_text(encoding="utf-8"))


def _number(value: object) -> str:
    if value is None:
        return "not measured"
    return f"{value:.4g}" if isinstance(value, float) else str(value)


def _markdown(header: Sequence[str], rows: Sequence[Sequence[object]]) -> str:
    lines = ["| " + " | ".join(header) + " |", "|" + "---|" * len(header)]
    return "\n".join(lines + ["| " + " | ".join(map(str, row)) + " |" for row in rows])
