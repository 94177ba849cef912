"""What one run is, as frozen dataclasses.

Owns: the tree of options and what each means. Does not own reading it (`recipe_file`) or what is wrong with one
(`mistakes`). Knows nothing of torch.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal


@dataclass(frozen=True)
class ModelSection:
    """The base and how it is asked.

    `base`: a hub id, a folder, `gguf:<catalog id or file>` (dequantised on loading), or `tiny:mistral`, `tiny:qwen2`
    (made on the spot). `precision` is that of the frozen weights while training. `chat_format` renders rows that are
    conversation, where `prompt_format` is none; `docstring_format` code under a docstring, where that is asked for in
    another form than code under a comment.
    """

    base: str
    prompt_format: str
    chat_format: str = "chatml"
    docstring_format: str = ""
    precision: Literal["fp32", "bf16", "nf4"] = "fp32"
    revision: str | None = None
    title: str = ""
    licence: str = "unknown"

    def format_for(self, *, docstring: bool) -> str:
        """The prompt format of code under a docstring, or under a comment."""
        return (self.docstring_format if docstring else "") or self.prompt_format

    @property
    def formats(self) -> tuple[str, ...]:
        """Every prompt format that code is asked for in, that of comments first."""
        return tuple(dict.fromkeys((self.prompt_format, self.format_for(docstring=True))))


@dataclass(frozen=True)
class Source:
    """One set: a JSONL or JSON file, a hub id with `split`, or `corpus`. `columns`: our name → the set's name.

    `editing`: rows whose answer is one block of code are put into files, as the corpus's tasks are.
    """

    path: str
    split: str = "train"
    columns: Mapping[str, str] = field(default_factory=dict)
    limit: int | None = None
    licence: str = "unknown"
    editing: bool = False


@dataclass(frozen=True)
class DataSection:
    """What is learned. `replay_fraction` is the share of training rows that come from `replay`.

    `budget_tokens` bounds the training set, prompts and replay included (0: all of it): every task comes once before
    any comes twice, in another of its phrasings. `learns`: of the sources, all, only `code` for a place in a file and
    no conversation, or only code for `comments` and none for docstrings: an adapter need not learn what the server
    leaves to the base. `language`: that of instructions. Sets for non-commercial use are refused unless
    `allow_noncommercial` (`--allow-noncommercial`).
    """

    sources: tuple[Source, ...]
    replay: Source | None = None
    replay_fraction: float = 0.0
    validation_rows: int = 64
    test_rows: int = 64
    max_tokens: int = 1024
    budget_tokens: int = 0
    learns: Literal["all", "code", "comments"] = "all"
    language: Literal["any", "ru"] = "any"
    allow_noncommercial: bool = False

    @property
    def learned(self) -> tuple[Source, ...]:
        """Every set that rows of training come from, replay included."""
        return (*self.sources, self.replay) if self.replay and self.replay_fraction else self.sources

    @property
    def has_docstrings(self) -> bool:
        """Whether instructions may be docstrings."""
        return self.learns != "comments"


@dataclass(frozen=True)
class LoraSection:
    """The adapter. The last four cannot be carried by a GGUF adapter and are refused."""

    r: int = 16
    alpha: int = 32
    dropout: float = 0.0
    target_modules: str | tuple[str, ...] = "all-linear"
    layers: tuple[int, ...] | None = None
    use_dora: bool = False
    use_rslora: bool = False
    alpha_pattern: Mapping[str, float] = field(default_factory=dict)
    modules_to_save: tuple[str, ...] = ()


@dataclass(frozen=True)
class TrainSection:
    """The optimisation. `threads` 0: as many as there are cores.

    With `packing`, rows share a sequence of up to `packed_tokens`, or of `data.max_tokens` where that is more. With
    `fast_products`, a processor that multiplies bf16 in hardware (AMX) multiplies fp32 matrices so, adding up in fp32.
    """

    learning_rate: float = 2e-4
    schedule: Literal["cosine", "linear", "constant"] = "cosine"
    warmup_steps: int = 10
    epochs: float = 1.0
    max_steps: int = 0
    batch_size: int = 4
    accumulate: int = 1
    packing: bool = False
    packed_tokens: int = 0
    kl_to_base: float = 0.0
    weight_decay: float = 0.0
    max_grad_norm: float = 1.0
    eval_every: int = 50
    save_every: int = 50
    patience: int = 5
    gradient_checkpointing: bool = False
    fast_products: bool = False
    tensorboard: bool = False
    threads: int = 0


@dataclass(frozen=True)
class ExportSection:
    """The files to serve."""

    quantise: tuple[Literal["q4_k_m", "q6_k", "q8_0"], ...] = ("q4_k_m", "q6_k")
    imatrix_tokens: int = 20_000


@dataclass(frozen=True)
class VerifySection:
    """How much the parity gate looks at."""

    prompts: int = 200
    logit_prompts: int = 8
    perplexity_tokens: int = 4096


@dataclass(frozen=True)
class EvaluateSection:
    """What is measured. A limit of 0 is no limit."""

    perplexity: tuple[str, ...] = ("own", "code", "code_alpaca", "code_alpaca_no_python", "wikitext")
    perplexity_tokens: int = 20_000
    alphas: tuple[float, ...] = (0.0, 0.25, 0.5, 0.75, 1.0, 1.25)
    tasks: tuple[str, ...] = ("arc_challenge", "hellaswag", "mmlu", "truthfulqa_mc2", "winogrande", "gsm8k")
    task_limit: int = 50
    task_backend: Literal["gguf", "hf"] = "gguf"
    pass_at_k: bool = True
    through_server: bool = True
    samples: int = 1
    problems: int = 0
    answer_tokens: int = 384


@dataclass(frozen=True)
class Recipe:
    """One run, whole."""

    name: str
    description: str
    model: ModelSection
    data: DataSection
    lora: LoraSection = field(default_factory=LoraSection)
    train: TrainSection = field(default_factory=TrainSection)
    export: ExportSection = field(default_factory=ExportSection)
    verify: VerifySection = field(default_factory=VerifySection)
    evaluate: EvaluateSection = field(default_factory=EvaluateSection)
    seed: int = 17

    def section(self, name: str) -> object:
        """One section as plain data, for hashing."""
        value = getattr(self, name)
        return dataclasses.asdict(value) if dataclasses.is_dataclass(value) and not isinstance(value, type) else value
