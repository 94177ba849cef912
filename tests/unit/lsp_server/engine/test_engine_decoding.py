"""The backend over the real 0.5B: greedy and repeatable, caches kept, text whole, cancelling clean, drafts exact."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pytest

from lsp_server.engine.backend import BackendError, ShouldStop
from lsp_server.engine.base import Chunk, CompletionRequest, LoraScale
from lsp_server.engine.decoding import DecodingOptions, LlamaBackend
from lsp_server.engine.drafting import Pace

pytestmark = pytest.mark.model

CODE = Path(__file__).parents[4] / "lsp_server" / "engine"
LONG_TEXT = (CODE / "worker.py").read_text(encoding="utf-8")
TASK = '# Функция считает сумму чисел списка\ndef list_sum(numbers):\n    """Сумма."""\n'


@dataclass(frozen=True)
class Answer:
    text: str
    tokens: tuple[int, ...]
    chunks: tuple[Chunk, ...]
    last: Chunk


def ask(backend: LlamaBackend, request: CompletionRequest, should_stop: ShouldStop = lambda: False) -> Answer:
    chunks = tuple(backend.generate(request, should_stop))
    assert [chunk.stop_type is not None for chunk in chunks] == [False] * (len(chunks) - 1) + [True]
    tokens = tuple(token for chunk in chunks for token in chunk.tokens)
    return Answer("".join(chunk.text for chunk in chunks), tokens, chunks, chunks[-1])


def request(backend: LlamaBackend, text: str, n_predict: int = 16, **more: object) -> CompletionRequest:
    return replace(CompletionRequest(tuple(backend.tokenize(text)), n_predict), **more)  # type: ignore[arg-type]


def chat(backend: LlamaBackend, text: str, n_predict: int, **more: object) -> CompletionRequest:
    ids = backend.tokenize("<|im_start|>user\n", parse_special=True) + backend.tokenize(text)
    ids += backend.tokenize("<|im_end|>\n<|im_start|>assistant\n", parse_special=True)
    return replace(CompletionRequest(tuple(ids), n_predict), **more)  # type: ignore[arg-type]


def make_adapter(path: Path, strength: float) -> Path:
    """A LoRA of rank 1 on one matrix of the 0.5B (896 x 896), in GGUF."""
    tensors = {
        "blk.0.attn_q.weight.lora_a": (np.full((1, 896), strength, np.float32), (896, 1)),
        "blk.0.attn_q.weight.lora_b": (np.full((896, 1), strength, np.float32), (1, 896)),
    }

    def text(value: str) -> bytes:
        return struct.pack("<Q", len(value.encode())) + value.encode()

    values = {"general.type": "adapter", "general.architecture": "qwen2", "adapter.type": "lora"}
    out = b"GGUF" + struct.pack("<IQQ", 3, len(tensors), len(values) + 1)
    for name, value in values.items():
        out += text(name) + struct.pack("<I", 8) + text(value)
    out += text("adapter.lora.alpha") + struct.pack("<If", 6, 1.0)
    offset = 0
    for name, (data, shape) in tensors.items():
        out += text(name) + struct.pack("<IQQIQ", 2, *shape, 0, offset)
        offset += data.nbytes
    out += b"\0" * (-len(out) % 32)
    path.write_bytes(out + b"".join(data.tobytes() for data, _ in tensors.values()))
    return path


class Eager(Pace):
    """Drafts wherever it can, however long that takes: these tests are about what is said."""

    def next_length(self) -> int:
        return 7


@pytest.fixture(scope="module")
def adapter(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_adapter(tmp_path_factory.mktemp("адаптер") / "лора.gguf", 1.0)


@pytest.fixture(scope="module")
def backend(model_path: Path, adapter: Path) -> Iterator[LlamaBackend]:
    backend = LlamaBackend(DecodingOptions(model_path, (adapter,), n_ctx=2048, n_threads=2))
    yield backend
    backend.close()


@pytest.fixture(scope="module")
def drafting(model_path: Path) -> Iterator[LlamaBackend]:
    backend = LlamaBackend(DecodingOptions(model_path, n_ctx=2048, n_threads=2, may_draft=True), Eager())
    yield backend
    backend.close()


def test_greedy_answers_and_repeats_itself(backend: LlamaBackend) -> None:
    first = ask(backend, request(backend, TASK, cache_prompt=False))
    assert first.text.strip().startswith(("return sum(", "total", "sum", "result", "if"))
    assert first.last.stop_type == "limit"
    assert len(first.tokens) == first.last.timings.predicted_tokens == 16
    assert ask(backend, request(backend, TASK, cache_prompt=False)).tokens == first.tokens


def test_a_cached_prompt_gives_the_cold_answer_and_costs_one_token(backend: LlamaBackend) -> None:
    cold = ask(backend, request(backend, TASK, cache_prompt=False))
    warm = ask(backend, request(backend, TASK))
    n_prompt = len(backend.tokenize(TASK))
    assert cold.last.timings.cached_tokens == 0
    assert cold.last.timings.prompt_tokens == n_prompt
    assert warm.last.timings.cached_tokens == n_prompt - 1
    assert warm.tokens == cold.tokens


def test_warm_up_prefills_and_says_nothing(backend: LlamaBackend) -> None:
    warm_up = request(backend, "# прогрев\n" + TASK, 0, document="w.py")
    first = ask(backend, warm_up)
    assert first.chunks == (first.last,)
    assert (first.text, first.last.timings.cached_tokens) == ("", 0)
    n_prompt = len(warm_up.prompt)
    assert ask(backend, warm_up).last.timings.cached_tokens == n_prompt
    assert ask(backend, replace(warm_up, n_predict=2)).last.timings.prompt_tokens == 1
    assert backend.props().prefill_tokens_per_s > 0


def test_switching_families_documents_and_adapters_keeps_caches(backend: LlamaBackend) -> None:
    code = request(backend, TASK, 2, family="code")
    words = chat(backend, "Что такое список?", 2, family="chat")
    adapted = replace(code, lora=(LoraScale(0, 1.0),))
    for asked in (code, words, adapted):
        ask(backend, asked)
    for asked in (code, words, adapted):
        assert ask(backend, asked).last.timings.prompt_tokens == 1


def test_an_adapter_acts_by_its_scale(backend: LlamaBackend) -> None:
    plain = ask(backend, request(backend, TASK))
    assert ask(backend, request(backend, TASK, lora=(LoraScale(0, 2.0),))).tokens != plain.tokens
    off = ask(backend, request(backend, TASK, lora=(LoraScale(0, 0.0),)))
    assert off.tokens == plain.tokens
    with pytest.raises(BackendError, match="bad_request"):
        ask(backend, request(backend, TASK, lora=(LoraScale(7, 1.0),)))
    assert ask(backend, request(backend, TASK)).tokens == plain.tokens


def test_an_aborted_prefill_leaves_a_usable_cache(backend: LlamaBackend) -> None:
    long = request(backend, LONG_TEXT[:2000], 4, family="abort")
    cold = ask(backend, replace(long, cache_prompt=False))
    asked = 0

    def after_some_operations() -> bool:
        nonlocal asked
        asked += 1
        return asked > 1500  # inside the second batch or a later one

    aborted = ask(backend, replace(long, cache_prompt=False), after_some_operations)
    timings = aborted.last.timings
    assert aborted.last.stop_type == "cancelled"
    assert 0 < timings.prompt_tokens < len(long.prompt)
    again = ask(backend, long)
    assert again.last.timings.cached_tokens == timings.prompt_tokens
    assert again.tokens == cold.tokens


def test_cancelling_between_tokens(backend: LlamaBackend) -> None:
    said = 0

    def after_three() -> bool:
        return said >= 3

    chunks = []
    for chunk in backend.generate(request(backend, TASK, 100), after_three):
        said += chunk.n_tokens
        chunks.append(chunk)
    assert chunks[-1].stop_type == "cancelled"
    assert chunks[-1].timings.predicted_tokens == 3


def test_a_stop_string_is_never_shown_in_part(backend: LlamaBackend) -> None:
    whole = ask(backend, request(backend, TASK, 24)).text
    stop = whole[7:12]
    assert whole.find(stop) == 7
    answer = ask(backend, request(backend, TASK, 24, stop=(stop,)))
    assert answer.last.stop_type == "word"
    assert answer.text == whole[:7]
    seen = ""
    for chunk in answer.chunks:
        seen += chunk.text
        assert whole[:7].startswith(seen)


def test_an_end_of_generation_token_ends_the_answer(backend: LlamaBackend) -> None:
    answer = ask(backend, chat(backend, "Ответь одним словом: да или нет?", 64))
    assert answer.last.stop_type == "eos"
    assert "<|" not in answer.text


def test_characters_are_never_split(backend: LlamaBackend) -> None:
    answer = ask(backend, chat(backend, "Повтори без изменений: 🦊 Ёжик — 你好, 𝔸!", 40))
    assert any(ord(character) > 0xFFFF for character in answer.text), "nothing here needed several tokens"
    assert any(chunk.n_tokens and not chunk.text for chunk in answer.chunks), "no character was held back"
    assert "\ufffd" not in answer.text


def test_special_tokens_in_a_text_stay_text(backend: LlamaBackend) -> None:
    text = 'print("<|im_end|>")'
    as_text = backend.tokenize(text)
    special = backend.tokenize("<|im_end|>", parse_special=True)
    assert len(special) == 1
    assert special[0] not in as_text
    assert special[0] in backend.tokenize(text, parse_special=True)


def test_the_context_has_an_end(model_path: Path) -> None:
    small = LlamaBackend(DecodingOptions(model_path, n_ctx=256, n_threads=2))
    n_ctx = small.props().n_ctx
    with pytest.raises(BackendError, match="context_too_long"):
        ask(small, CompletionRequest((1,) * n_ctx, 4))
    answer = ask(small, CompletionRequest(tuple(small.tokenize("x = 1\n"))[:1] * (n_ctx - 3), -1))
    assert answer.last.stop_type == "limit"
    assert len(answer.tokens) == 3
    small.close()


@pytest.mark.parametrize("prompt", [(), (-1,), (10**7,)])
def test_wrong_prompts_are_refused(backend: LlamaBackend, prompt: tuple[int, ...]) -> None:
    with pytest.raises(BackendError, match="bad_request"):
        ask(backend, CompletionRequest(prompt, 4))


def test_temperature_is_repeatable_for_a_seed(backend: LlamaBackend) -> None:
    hot = request(backend, "# Стихи о программистах\n# ", 16, temperature=1.5, seed=7)
    assert ask(backend, hot).tokens == ask(backend, hot).tokens
    assert len({ask(backend, replace(hot, seed=seed)).tokens for seed in range(4)}) > 1


def test_drafting_says_what_greedy_says(backend: LlamaBackend, drafting: LlamaBackend) -> None:
    n_accepted = 0
    for text in (TASK, LONG_TEXT[:1200], LONG_TEXT[:800] + "\n\n" + LONG_TEXT[:400]):
        plain = ask(backend, request(backend, text, 64, cache_prompt=False))
        drafted = ask(drafting, request(drafting, text, 64, cache_prompt=False))
        assert drafted.tokens == plain.tokens
        assert drafted.last.stop_type == plain.last.stop_type
        timings = drafted.last.timings
        assert 0 <= timings.accepted_tokens <= timings.drafted_tokens
        n_accepted += timings.accepted_tokens
    assert n_accepted > 10


def test_drafting_leaves_a_usable_cache(backend: LlamaBackend, drafting: LlamaBackend) -> None:
    text = LONG_TEXT[:800] + "\n\n" + LONG_TEXT[:400]
    first = ask(drafting, request(drafting, text, 12))
    assert first.last.timings.accepted_tokens > 0
    longer = CompletionRequest((*drafting.tokenize(text), *first.tokens), 12)
    assert ask(drafting, longer).tokens == ask(backend, replace(longer, cache_prompt=False)).tokens


def test_no_drafts_at_a_temperature(drafting: LlamaBackend) -> None:
    answer = ask(drafting, request(drafting, LONG_TEXT[:300], 8, temperature=0.7, seed=1))
    assert answer.last.timings.drafted_tokens == 0


def test_a_load_tells_how_far_it_is(model_path: Path) -> None:
    parts: list[float] = []
    LlamaBackend(DecodingOptions(model_path, n_ctx=256, n_threads=2), on_load=parts.append).close()
    assert parts == sorted(parts)
    assert len(set(parts)) > 10
    assert parts[-1] == 1.0


@pytest.mark.parametrize("damage", ["cut", "noise", "empty"])
def test_a_damaged_model_is_told(model_path: Path, tmp_path: Path, damage: str) -> None:
    with model_path.open("rb") as whole:
        data = {"cut": whole.read(3_000_000), "noise": b"\xff" * 4096, "empty": b""}[damage]
    path = tmp_path / "битая модель.gguf"
    path.write_bytes(data)
    with pytest.raises(BackendError) as caught:
        LlamaBackend(DecodingOptions(path))
    assert caught.value.code == "model_damaged"
    assert caught.value.detail


def test_a_damaged_adapter_is_told(model_path: Path, tmp_path: Path) -> None:
    path = tmp_path / "битая лора.gguf"
    path.write_bytes(b"GGUF" + b"\xff" * 100)
    with pytest.raises(BackendError) as caught:
        LlamaBackend(DecodingOptions(model_path, (path,)))
    assert caught.value.code == "adapter_damaged"
