"""Candidates beside their base on the validation cases, many cases at a time through transformers: to choose by.

    python -m benchmarks.screen --adapter runs/…/train/adapter --scale 0.5 --scale 0.75 --scale 1
    python -m benchmarks.screen --adapter A --adapter B --limit 60

Prompts, shaping and checks are the server's and the benchmark's own; the engine is torch, on a GPU where there is one,
with the weights dequantised. So what a candidate is worth is measured by `benchmarks.adapter`; here one is found. It is
meant for a GPU: two cores take many minutes for each candidate. The base is asked in its own best form. Held-out cases
are not offered.
"""

from __future__ import annotations

import argparse
import asyncio
import sys
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
import transformers
from peft import PeftModel
from peft.tuners.lora import LoraLayer

from benchmarks.console import told, whole_number
from benchmarks.editing import cases
from benchmarks.editing.ask import is_as_said
from benchmarks.editing.cases import EditingCase
from finetune.base import Base, load_model
from finetune.evaluate import sandbox
from finetune.evaluate.intervals import paired_bootstrap
from lsp_server.answering.suggest import Plan, Question, make_plan
from lsp_server.serving.choice import choose, serve
from lsp_server.settings import Settings
from lsp_server.shaping import Shaper
from lsp_server.source.document import Place, Source
from models.catalog import Catalog
from models.store import Store

_BATCH = 32
_BATCH_ON_GPU = 512
_MAX_TOKENS = 256


@dataclass(frozen=True)
class Asked:
    """A case as the server would ask it."""

    case: EditingCase
    plan: Plan
    tokens: tuple[int, ...]


@dataclass(frozen=True)
class Answered:
    """What came of one case. `is_as_said`: nothing had to be shaped."""

    kind: str
    passed: bool
    is_as_said: bool


@told
def main(arguments: list[str] | None = None) -> int:
    """Run and print. Exit code 2 where a model or an adapter is missing."""
    parser = _parser()
    options = parser.parse_args(arguments)
    for folder in options.adapter:
        if not (folder / "adapter_config.json").is_file():
            parser.error(f"{folder} has no adapter_config.json: name a PEFT adapter, as in runs/…/train/adapter")
    transformers.logging.set_verbosity_error()
    entry = Catalog.load().resolve(options.model)
    base_form, adapter_form = (asyncio.run(_ask(form, options)) for form in ("auto", options.prompt_format))
    path = Store().path(entry)
    tokenizer = transformers.AutoTokenizer.from_pretrained(path.parent, gguf_file=path.name)
    model: Any = load_model(Base(path.parent, None, path), "fp32")
    model.to("cuda" if torch.cuda.is_available() else "cpu")
    base = answer(model, tokenizer, base_form)
    print("\n".join(report("base", base, base)), flush=True)
    for folder in options.adapter:
        tuned = PeftModel.from_pretrained(model, folder)
        for scale in options.scale or [1.0]:
            for layer in tuned.modules():
                if isinstance(layer, LoraLayer):
                    layer.set_scale("default", scale)
            print("\n".join(report(f"{folder} × {scale:g}", base, answer(tuned, tokenizer, adapter_form))), flush=True)
        model = tuned.unload()
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.screen", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--model", default="qwen2.5-coder-0.5b", help="catalog id or path of a GGUF file")
    parser.add_argument("--adapter", action="append", type=Path, required=True, help="a PEFT adapter; may be repeated")
    parser.add_argument("--scale", action="append", type=float, help="of each adapter; may be repeated (default: 1)")
    parser.add_argument("--prompt-format", default="qwen-fim", help="that of the adapters")
    parser.add_argument("--limit", type=whole_number(1), help="about so many cases")
    return parser


async def _ask(prompt_format: str, options: argparse.Namespace) -> list[Asked]:
    """The cases of code for a comment. Those under a docstring are asked in a form of their own."""
    settings = Settings(model=options.model, adapter="none", prompt_format=prompt_format)
    served = await serve(choose(settings))
    chosen = [case for case in cases.load("dev") if case.kind != "docstring"]
    chosen = chosen[:: max(1, len(chosen) // options.limit)] if options.limit else chosen
    asked = []
    try:
        for case in chosen:
            source = Source(f"file:///{case.id}.py", case.text.splitlines(keepends=True))
            cursor = Place(case.line, len(case.typed))
            question = Question(source, cursor, earlier_cells=case.cells, document=case.id, max_tokens=_MAX_TOKENS)
            plan = await make_plan(served, question)
            assert plan is not None  # nobody asks automatically here
            assert not isinstance(plan.tokens, str)  # our own engine gives ids
            asked.append(Asked(case, plan, plan.tokens))
    finally:
        await served.engine.close()
    return asked


def answer(model: Any, tokenizer: Any, asked: Sequence[Asked]) -> list[Answered]:
    """Answer all cases greedily, and check what the server would show."""
    said = generate(model, tokenizer, [one.tokens for one in asked])
    with ThreadPoolExecutor() as pool:
        return list(pool.map(_check, asked, said))


def generate(model: Any, tokenizer: Any, prompts: Sequence[Sequence[int]]) -> list[tuple[str, bool]]:
    """The most likely text after each prompt, and whether it came to its end token."""
    model.eval()
    device = next(model.parameters()).device
    ends = [tokenizer.convert_tokens_to_ids(name) for name in ("<|endoftext|>", "<|im_end|>")]
    order = sorted(range(len(prompts)), key=lambda number: len(prompts[number]))
    size = _BATCH_ON_GPU if device.type == "cuda" else _BATCH
    said = [("", False)] * len(prompts)
    for first in range(0, len(order), size):
        some = order[first : first + size]
        width = max(len(prompts[number]) for number in some)
        ids = torch.tensor([[ends[0]] * (width - len(prompts[n])) + list(prompts[n]) for n in some], device=device)
        mask = torch.tensor([[0] * (width - len(prompts[n])) + [1] * len(prompts[n]) for n in some], device=device)
        options = {"max_new_tokens": _MAX_TOKENS, "do_sample": False, "eos_token_id": ends, "pad_token_id": ends[0]}
        with torch.inference_mode():
            found = model.generate(input_ids=ids, attention_mask=mask, **options)
        for number, row in zip(some, found[:, width:].tolist(), strict=True):
            length = next((place for place, token in enumerate(row) if token in ends), len(row))
            said[number] = tokenizer.decode(row[:length]), length < len(row)
    return said


def _check(asked: Asked, said: tuple[str, bool]) -> Answered:
    case, plan = asked.case, asked.plan
    whole, is_whole = said
    text = min((whole.partition(stop)[0] for stop in plan.prompt.stop), key=len, default=whole)
    source, place = plan.question.source, plan.insertion
    shaper = Shaper(source, place, plan.instruction, plan.prompt.answer_head)
    shaper.feed(text)
    shown = shaper.finish(truncated=not is_whole and text == whole).text
    line = source.lines[place.line] if place.line < len(source.lines) else ""
    document = "".join(source.lines[: place.line]) + shown + line[place.replace_end :]
    document += "".join(source.lines[place.line + 1 :])
    outcome = sandbox.run(case.program(document), files=case.files)
    return Answered(case.kind, outcome.passed, is_as_said(plan.prompt.answer_head + text, shown))


def report(name: str, base: Sequence[Answered], tuned: Sequence[Answered]) -> Iterator[str]:
    """Passed, against the base with its interval, and by kind."""
    passed = [one for one in tuned if one.passed]
    gain = paired_bootstrap([float(one.passed) for one in base], [float(one.passed) for one in tuned])
    difference = "" if tuned is base else f"  {100 * gain.mean:+.1f} [{100 * gain.low:+.1f}, {100 * gain.high:+.1f}]"
    unshaped = sum(one.is_as_said for one in passed) / max(1, len(passed))
    yield f"{name}: {len(passed)} of {len(tuned)}, {len(passed) / len(tuned):.1%}{difference}; unshaped {unshaped:.1%}"
    kinds = sorted({one.kind for one in tuned})
    yield "  " + ", ".join(f"{kind} {sum(o.passed for o in tuned if o.kind == kind)}" for kind in kinds)


if __name__ == "__main__":
    sys.exit(main())
