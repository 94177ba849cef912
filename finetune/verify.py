"""The stage `verify`: the gate. What is served must behave as what was trained, or the run ends here.

Checks, each with its bar: equal token ids; equal distributions in fp32; the adapter at run time against the merged
model; what quantising costs in perplexity; one template everywhere; BOS and stop tokens counted.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from finetune.base import Base, load_model, load_tokenizer, open_base
from finetune.data.build import read_split
from finetune.data.render import render, segment_ids, tokenize
from finetune.data.rows import Row
from finetune.errors import FinetuneError
from finetune.export.convert import convert_model
from finetune.export.stage import adapter_name, f16_name, quantised_name
from finetune.llama import Gguf, opened
from finetune.messages import PARITY_FAILED
from finetune.parity import agreement, gguf_logits, probes, torch_logits
from finetune.recipe import Recipe
from finetune.stage import Run, write_json
from finetune.templates import template_hashes
from models.prompt import Segment

_N_CTX = 2048
KLD_BAR = 1e-4
TOP1_BAR = 0.995
RUNTIME_KLD_BAR = 1e-3
PERPLEXITY_BARS = {"q6_k": 1.005, "q4_k_m": 1.03}


def context_tokens(recipe: Recipe) -> int:
    """The context that a recipe's longest row fits into."""
    return max(_N_CTX, recipe.data.max_tokens)


@dataclasses.dataclass(frozen=True)
class Check:
    """One comparison. `bar` is None for a number that is reported as it is."""

    name: str
    value: float | str
    bar: str | None
    passed: bool


def run(run: Run, folder: Path) -> None:
    """The stage.

    Raises:
        FinetuneError: `parity-failed`, after writing `report.json`.
    """
    base = open_base(run)
    rows = read_split(run, "test") + read_split(run, "validation") + read_split(run, "train")
    exported = run.folder("export")
    with opened(exported / f16_name(run), n_ctx=context_tokens(run.recipe)) as half:
        checks = _token_checks(run, base, half, rows)
        checks += _template_checks(run, base, half)
    checks += _exact_checks(run, base, rows, folder)
    checks += _runtime_checks(run, base, rows)
    checks += _quantised_checks(run, base, rows)
    report = folder / "report.json"
    write_json(report, {"checks": [dataclasses.asdict(check) for check in checks], "requantised": base.is_requantised})
    failed = [f"{check.name} = {check.value} ({check.bar})" for check in checks if not check.passed]
    if failed:
        raise FinetuneError("parity-failed", PARITY_FAILED, failures="; ".join(failed), report=report)


def _token_checks(run: Run, base: Base, model: Gguf, rows: Sequence[dict[str, Any]]) -> list[Check]:
    tokenizer = load_tokenizer(base)
    texts = probes(rows, run.recipe.verify.prompts)
    different = [text for text in texts if segment_ids(tokenizer, [Segment(text)]) != model.tokenize(text)]
    equal = f"{len(texts) - len(different)}/{len(texts)}"
    starts, ends = _boundary_counts(run, tokenizer, model)
    return [
        Check("equal token ids", equal, "all", not different),
        Check("BOS tokens in a prompt, transformers and llama.cpp", str(starts), "equal, at most 1", _same(starts, 1)),
        Check("stop tokens in an example; ends generation", str(ends), "1; True", ends == (1, True)),
    ]


def _same(counts: tuple[int, int], most: int) -> bool:
    return counts[0] == counts[1] <= most


def _boundary_counts(run: Run, tokenizer: Any, model: Gguf) -> tuple[tuple[int, int], tuple[int, bool]]:
    """BOS in a rendered prompt (in transformers, in llama.cpp); stop tokens in its completion, and whether they end."""
    recipe = run.recipe
    row = Row("probe", 1, "сложи два числа", "def f(a, b):\n    return a + b\n", prefix="# сложи два числа\n")
    example = render(row, recipe.model.prompt_format, recipe.model.chat_format)
    tokens = tokenize(tokenizer, example)
    served = model.tokens_of(example.prompt.segments)
    bos = tokenizer.bos_token_id
    starts = (0, 0) if bos is None else (tokens.prompt.count(bos), served.count(model.bos_id))
    stop = tokenizer.convert_tokens_to_ids(example.stop)
    return starts, (tokens.completion.count(stop), model.is_end(stop))


def _template_checks(run: Run, base: Base, model: Gguf) -> list[Check]:
    hashes = template_hashes(run, load_tokenizer(base), model.chat_template)
    return [Check(f"template: {name}", f"{a[:12]} / {b[:12]}", "equal", a == b) for name, (a, b) in hashes.items()]


def _exact_checks(run: Run, base: Base, rows: Sequence[dict[str, Any]], folder: Path) -> list[Check]:
    merged = run.folder("merge") / "merged"
    exact = folder / "exact-f32.gguf"
    convert_model(merged, exact, kind="f32", pre_tokenizer=base.pre_tokenizer)
    reference = load_model(dataclasses.replace(base, folder=merged, gguf=None), "fp32")
    try:
        with opened(exact, n_ctx=context_tokens(run.recipe), exact=True) as model:
            pairs = ((torch_logits(reference, ids), gguf_logits(model, ids)) for ids in _ids(run, rows))
            found = agreement(pairs)
    finally:
        exact.unlink(missing_ok=True)
    return [
        Check("KLD, fp32, transformers to llama.cpp", found.kld, f"≤ {KLD_BAR}", found.kld <= KLD_BAR),
        Check("equal first choice, fp32", found.top1, f"≥ {TOP1_BAR}", found.top1 >= TOP1_BAR),
    ]


def _runtime_checks(run: Run, base: Base, rows: Sequence[dict[str, Any]]) -> list[Check]:
    """The LoRA file over its base, against the merged file. Over a quantised base the two cannot be equal."""
    exported = run.folder("export")
    start = base.gguf or exported / "base-f16.gguf"
    n_ctx = context_tokens(run.recipe)
    with opened(start, n_ctx=n_ctx) as bare, opened(exported / f16_name(run), n_ctx=n_ctx) as merged:
        bare.set_adapter(exported / adapter_name(run))

        def pairs() -> Iterator[tuple[NDArray[np.float32], NDArray[np.float32]]]:
            for ids in _ids(run, rows):
                yield gguf_logits(merged, ids), gguf_logits(bare, ids)

        found = agreement(pairs())
    gated = not base.is_requantised and _merged_on_original(run)
    bar = f"≤ {RUNTIME_KLD_BAR}" if gated else None
    return [
        Check("KLD, merged to adapter at run time", found.kld, bar, not gated or found.kld <= RUNTIME_KLD_BAR),
        Check("equal first choice, merged and adapter at run time", found.top1, None, passed=True),
    ]


def _merged_on_original(run: Run) -> bool:
    import json  # noqa: PLC0415

    summary = json.loads((run.folder("merge") / "summary.json").read_text(encoding="utf-8"))
    return bool(summary["chosen"] == "A")


def _quantised_checks(run: Run, base: Base, rows: Sequence[dict[str, Any]]) -> list[Check]:
    exported = run.folder("export")
    perplexities = {"f16": _perplexity(exported / f16_name(run), run, rows)}
    checks = []
    for kind in run.recipe.export.quantise:
        perplexities[kind] = _perplexity(exported / quantised_name(run, kind), run, rows)
        ratio = perplexities[kind] / perplexities["f16"]
        bar = None if base.is_requantised else PERPLEXITY_BARS.get(kind)
        passed = bar is None or ratio <= bar
        checks.append(Check(f"perplexity, {kind} / f16", round(ratio, 5), f"≤ {bar}" if bar else None, passed))
    return checks


def _perplexity(path: Path, run: Run, rows: Sequence[dict[str, Any]]) -> float:
    """Over whole examples, prompt and completion."""
    found: list[NDArray[np.float64]] = []
    with opened(path, n_ctx=context_tokens(run.recipe)) as model:
        for row in rows:
            if sum(map(len, found)) >= run.recipe.verify.perplexity_tokens:
                break
            found.append(model.log_probs(row["prompt_ids"] + row["completion_ids"]))
    return float(np.exp(-np.concatenate(found).mean()))


def _ids(run: Run, rows: Sequence[dict[str, Any]]) -> list[list[int]]:
    return [row["prompt_ids"] + row["completion_ids"] for row in rows[: run.recipe.verify.logit_prompts]]
