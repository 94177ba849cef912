"""The leaderboard's tasks through lm-evaluation-harness: over a GGUF in this process, or its own HF backend.

With a hub the harness's own tasks are run under their real names. Without one, tasks whose data are here are run from
local YAML files of the same form (GSM8K); the others are reported as not run.
"""

from __future__ import annotations

import json
import logging
import math
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml
from lm_eval import simple_evaluate
from lm_eval.api.instance import Instance
from lm_eval.api.model import LM
from lm_eval.tasks import TaskManager
from tqdm import tqdm

from finetune.llama import Gguf
from finetune.outside import evaluation_file
from models.json_lines import read_json_lines, write_json_lines

# What the paper reports (its Figure 4): base Zephyr and the merged model, in percent.
PAPER = {
    "arc_challenge": (62.03, 56.06),
    "hellaswag": (84.36, 82.06),
    "mmlu": (61.07, 60.20),
    "truthfulqa_mc2": (57.45, 52.81),
    "winogrande": (77.74, 76.95),
    "gsm8k": (29.04, 32.52),
}
# The leaderboard's number of examples in the prompt, and the metric it shows.
SHOTS = {"arc_challenge": 25, "hellaswag": 10, "mmlu": 5, "truthfulqa_mc2": 0, "winogrande": 5, "gsm8k": 5}
# The harness applies a limit to each subject of a task by itself.
SUBJECTS = {"mmlu": 57}
METRICS = {
    "arc_challenge": "acc_norm,none",
    "hellaswag": "acc_norm,none",
    "mmlu": "acc,none",
    "truthfulqa_mc2": "acc,none",
    "winogrande": "acc,none",
    "gsm8k": "exact_match,strict-match",
}


@dataclass(frozen=True)
class TaskResult:
    """One task. `value` is in percent, None where it could not be run, and `note` says why or how."""

    task: str
    value: float | None
    limit: int
    note: str = ""


class GgufLM(LM):
    """A GGUF file as the harness wants a model: log-likelihoods of continuations, and greedy text."""

    def __init__(self, model: Gguf) -> None:
        super().__init__()
        self.model = model

    def _start(self) -> list[int]:
        return [self.model.bos_id] if self.model.adds_bos else []

    def loglikelihood(self, requests: list[Instance], disable_tqdm: bool = False) -> list[tuple[float, bool]]:
        """Of each continuation after its context: the log-probability, and whether it is the greedy one."""
        return [self._one(*request.args) for request in tqdm(requests, desc="choices", leave=False)]

    def _one(self, context: str, continuation: str) -> tuple[float, bool]:
        # Spaces at the end of a context belong to the next word's token.
        kept = context.rstrip()
        before = self.model.tokenize(kept)
        whole = self.model.tokenize(context + continuation)
        ids = (self._start() + whole)[-self.model.n_ctx :]
        count = max(len(whole) - len(before), 1)
        if len(ids) <= count:  # nothing before it: the end-of-text token stands for the beginning
            ids = [self._first_token(), *ids]
        values, greedy = self.model.score(ids, len(ids) - count)
        return float(values.sum()), bool(greedy.all())

    def _first_token(self) -> int:
        return self.model.bos_id if self.model.bos_id >= 0 else self.model.tokenize("\n")[0]

    def loglikelihood_rolling(self, requests: list[Instance], disable_tqdm: bool = False) -> list[float]:
        """Of whole texts, in windows of the context's size."""
        found = []
        for request in requests:
            ids = self.model.tokenize(request.args[0])
            size = self.model.n_ctx - 1
            pieces = [[self._first_token(), *ids[i : i + size]] for i in range(0, len(ids), size)]
            found.append(float(sum(self.model.log_probs(piece).sum() for piece in pieces)))
        return found

    def generate_until(self, requests: list[Instance], disable_tqdm: bool = False) -> list[str]:
        """Greedy text up to one of the task's stop strings."""
        return [self._write(*request.args) for request in tqdm(requests, desc="answers", leave=False)]

    def _write(self, context: str, options: dict[str, Any]) -> str:
        until = [text for text in options.get("until", []) if text]
        max_tokens = int(options.get("max_gen_toks", 256))
        ids = self._start() + self.model.tokenize(context)
        ids = ids[-(self.model.n_ctx - max_tokens - 1) :]
        text = self.model.generate(ids, max_tokens=max_tokens, stop=lambda text: any(end in text for end in until))
        for end in until:
            text = text.split(end)[0]
        return text


def run_tasks(model: LM, tasks: Sequence[str], limit: int, folder: Path, max_tokens: int = 256) -> Iterator[TaskResult]:
    """Run each task; one that cannot be run says why instead of stopping the others."""
    logging.getLogger("lm_eval").setLevel(logging.ERROR)
    local_tasks = {task: _local_task(task, folder, max_tokens) for task in tasks}
    is_offline = None in local_tasks.values() and _offline()
    for task, local in local_tasks.items():
        if local is None and is_offline:
            yield TaskResult(task, None, limit, "no hub, and its data are not in KODOPIS_EVAL_DATA")
            continue
        try:
            yield _run_one(model, task, limit, local)
        except Exception as error:  # the harness and the hub raise whatever their layers do
            reason = (str(error).splitlines() or [type(error).__name__])[0]
            yield TaskResult(task, None, limit, f"not run: {reason}")


def _run_one(model: LM, task: str, limit: int, local: Path | None) -> TaskResult:
    name = f"{task}_local" if local else task
    manager = TaskManager(include_path=str(local)) if local else TaskManager()
    shots = 0 if local else SHOTS[task]
    found = simple_evaluate(
        model=model,
        tasks=[name],
        num_fewshot=None if local else shots,
        limit=math.ceil(limit / SUBJECTS.get(task, 1)) or None,
        task_manager=manager,
        bootstrap_iters=0,
        log_samples=False,
    )
    value = 100 * float(found["results"][name][METRICS[task]])
    note = "local data, 5 solved problems in the prompt" if local else f"{shots} examples in the prompt"
    note += f", as many of each of {SUBJECTS[task]} subjects" if task in SUBJECTS else ""
    return TaskResult(task, round(value, 2), limit, note)


def _offline() -> bool:
    """Whether the hub is out of reach: said so, or not answering a request in a few seconds."""
    if os.environ.get("HF_HUB_OFFLINE") == "1" or os.environ.get("HF_DATASETS_OFFLINE") == "1":
        return True
    import httpx  # noqa: PLC0415 - only where no local data were found

    try:
        httpx.head(os.environ.get("HF_ENDPOINT", "https://huggingface.co"), timeout=5)
    except httpx.HTTPError:
        return True
    return False


def _local_task(task: str, folder: Path, max_tokens: int) -> Path | None:
    """A folder with a YAML task over local data, where there are any for this task."""
    source = evaluation_file(task) if task == "gsm8k" else None
    if source is None:
        return None
    # The last problems are the examples in the prompt, so that the first ones can be asked.
    rows = list(read_json_lines(source))
    target = folder / "tasks"
    target.mkdir(exist_ok=True)
    write_json_lines(target / "test.jsonl", rows[:-20])
    write_json_lines(target / "train.jsonl", rows[-20:])
    (target / f"{task}_local.yaml").write_text(yaml.safe_dump(_gsm8k(target, max_tokens)), encoding="utf-8")
    return target


def _gsm8k(target: Path, max_tokens: int) -> dict[str, Any]:
    data = {"train": str(target / "train.jsonl"), "test": str(target / "test.jsonl")}
    return {
        "task": "gsm8k_local",
        "dataset_path": "json",
        "dataset_kwargs": {"data_files": data},
        "output_type": "generate_until",
        "training_split": "train",
        "fewshot_split": "train",
        "test_split": "test",
        "num_fewshot": 5,
        "fewshot_config": {"sampler": "first_n"},
        "doc_to_text": "Question: {{question}}\nAnswer:",
        "doc_to_target": "{{answer}}",
        "generation_kwargs": {"until": ["Question:", "\n\n"], "do_sample": False, "max_gen_toks": max_tokens},
        "metric_list": [
            {
                "metric": "exact_match",
                "aggregation": "mean",
                "higher_is_better": True,
                "ignore_case": True,
                "regexes_to_ignore": [",", "\\$", "(?s).*#### ", "\\.$"],
            }
        ],
        "filter_list": [
            {
                "name": "strict-match",
                "filter": [
                    {"function": "regex", "regex_pattern": "#### (\\-?[0-9\\.\\,]+)"},
                    {"function": "take_first"},
                ],
            }
        ],
        "metadata": {"version": 3.0},
    }


def as_json(results: Sequence[TaskResult]) -> list[dict[str, Any]]:
    """Results with the paper's numbers beside them."""
    return [json.loads(json.dumps(result.__dict__)) | {"paper": PAPER[result.task]} for result in results]
