"""The one import of llama_cpp in this package: quantising, and running GGUF files to measure them.

Owns: a loaded model with its context and at most one adapter, as token ids in and logits out, and greedy or sampled
generation. Does not own: what a prompt is, or what is measured.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any

import llama_cpp
import numpy as np
from numpy.typing import NDArray

from finetune.errors import FinetuneError
from finetune.messages import GGUF_REJECTED, QUANTISE_FAILED
from models.prompt import Segment

FTYPES: Mapping[str, int] = {
    "q4_k_m": llama_cpp.LLAMA_FTYPE_MOSTLY_Q4_K_M,
    "q6_k": llama_cpp.LLAMA_FTYPE_MOSTLY_Q6_K,
    "q8_0": llama_cpp.LLAMA_FTYPE_MOSTLY_Q8_0,
}
_BATCH_TOKENS = 512
_SCRATCH = "quantised.new"


@llama_cpp.llama_log_callback
def _quiet(level: int, text: bytes, _: Any) -> None:
    """Swallow llama.cpp's log: it would tear the progress bars; what fails raises."""


def threads() -> int:
    """Threads to compute with: `OMP_NUM_THREADS` where it is set, else all cores."""
    return int(os.environ.get("OMP_NUM_THREADS") or os.cpu_count() or 1)


def quantise(source: Path, target: Path, kind: str, imatrix: Mapping[str, NDArray[np.float32]] | None = None) -> None:
    """Write `source` (f16 or f32 GGUF) as `kind`, weighing columns by `imatrix` (GGUF tensor name → importance).

    The process works in the target's folder meanwhile: llama.cpp opens its output by a narrow name, which Windows reads
    in its ANSI code page, so the name must be ASCII, and of the folders on the way the user's own may not be. No stage
    has other threads that open files by relative names.

    Raises:
        FinetuneError: `quantise-failed`.
    """
    llama_cpp.llama_log_set(_quiet, ctypes.c_void_p(0))
    params = llama_cpp.llama_model_quantize_default_params()
    params.ftype = FTYPES[kind]
    params.nthread = threads()
    kept = [np.ascontiguousarray(values, dtype=np.float32) for values in (imatrix or {}).values()]
    # The list ends with an entry without a name.
    entries = (llama_cpp.llama_model_imatrix_data * (len(kept) + 1))()
    for entry, name, values in zip(entries, imatrix or {}, kept, strict=False):
        entry.name = name.encode()
        entry.data = values.ctypes.data_as(ctypes.POINTER(ctypes.c_float))
        entry.size = values.size
    if kept:
        params.imatrix = entries
    source, target = source.absolute(), target.absolute()
    with contextlib.chdir(target.parent):
        failed = llama_cpp.llama_model_quantize(str(source).encode(), _SCRATCH.encode(), ctypes.byref(params))
    scratch = target.with_name(_SCRATCH)
    if failed:
        scratch.unlink(missing_ok=True)
        raise FinetuneError("quantise-failed", QUANTISE_FAILED, path=source, type=kind)
    scratch.replace(target)


class Gguf:
    """A GGUF model in memory. Close it, or use it as a context manager.

    `exact` keeps the KV cache in fp32 and turns flash attention off: for comparing with another implementation.
    """

    def __init__(self, path: Path, *, n_ctx: int = 2048, exact: bool = False) -> None:
        llama_cpp.llama_log_set(_quiet, ctypes.c_void_p(0))
        llama_cpp.llama_backend_init()
        model_params = llama_cpp.llama_model_default_params()
        model_params.use_mmap = True
        self._model = llama_cpp.llama_model_load_from_file(str(path).encode(), model_params)
        if not self._model:
            raise FinetuneError("gguf-rejected", GGUF_REJECTED, path=path)
        params = llama_cpp.llama_context_default_params()
        params.n_ctx = n_ctx
        params.n_batch = params.n_ubatch = _BATCH_TOKENS
        params.n_threads = params.n_threads_batch = threads()
        if exact:
            params.type_k = params.type_v = llama_cpp.GGML_TYPE_F32
            params.flash_attn_type = llama_cpp.LLAMA_FLASH_ATTN_TYPE_DISABLED
        self._context = llama_cpp.llama_init_from_model(self._model, params)
        if not self._context:
            raise FinetuneError("gguf-rejected", GGUF_REJECTED, path=path)
        self.path = path
        self.n_ctx = n_ctx
        self._vocab = llama_cpp.llama_model_get_vocab(self._model)
        self.n_vocab = int(llama_cpp.llama_vocab_n_tokens(self._vocab))
        self._batch = llama_cpp.llama_batch_init(_BATCH_TOKENS, 0, 1)
        self._adapters: dict[Path, Any] = {}
        self._fed: list[int] = []  # what the KV cache holds

    def __enter__(self) -> Gguf:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()

    def close(self) -> None:
        """Free the memory."""
        if self._context:
            llama_cpp.llama_batch_free(self._batch)
            llama_cpp.llama_free(self._context)
            llama_cpp.llama_model_free(self._model)
            self._context = self._model = None

    @property
    def bos_id(self) -> int:
        """The id of BOS, -1 where there is none."""
        return int(llama_cpp.llama_vocab_bos(self._vocab))

    @property
    def adds_bos(self) -> bool:
        """Whether the file asks for BOS before a text."""
        return bool(llama_cpp.llama_vocab_get_add_bos(self._vocab))

    def is_end(self, token: int) -> bool:
        """Whether a token ends generation."""
        return bool(llama_cpp.llama_vocab_is_eog(self._vocab, token))

    @property
    def chat_template(self) -> str:
        """The Jinja template in the file; empty where there is none."""
        found = llama_cpp.llama_model_chat_template(self._model, None)
        return found.decode("utf-8") if found else ""

    def set_adapter(self, path: Path | None, scale: float = 1.0) -> None:
        """Act with one adapter, or with none.

        Raises:
            FinetuneError: `gguf-rejected` where the adapter is damaged or of another base.
        """
        adapters = (llama_cpp.llama_adapter_lora_p_ctypes * 1)()
        if path is not None:
            if path not in self._adapters:
                loaded = llama_cpp.llama_adapter_lora_init(self._model, str(path).encode())
                if not loaded:
                    raise FinetuneError("gguf-rejected", GGUF_REJECTED, path=path)
                self._adapters[path] = loaded
            adapters[0] = self._adapters[path]
        self._keep(0)  # keys and values of other weights
        count = 0 if path is None or scale == 0 else 1
        llama_cpp.llama_set_adapters_lora(self._context, adapters, count, (ctypes.c_float * 1)(scale))

    def tokenize(self, text: str, *, special: bool = False) -> list[int]:
        """Token ids of a text, without BOS. With `special`, names of special tokens become these tokens."""
        raw = text.encode("utf-8")
        size = len(raw) + 16
        buffer = (llama_cpp.llama_token * size)()
        count = llama_cpp.llama_tokenize(self._vocab, raw, len(raw), buffer, size, False, special)
        return list(buffer[:count])

    def tokens_of(self, segments: Sequence[Segment]) -> list[int]:
        """Token ids of a prompt, as the engine makes them."""
        return [token for part in segments for token in self.tokenize(part.text, special=part.is_special)]

    def text_of(self, tokens: Sequence[int]) -> str:
        """The text of tokens, special ones left out."""
        raw = b"".join(self._piece(token) for token in tokens)
        return raw.decode("utf-8", errors="replace")

    def _piece(self, token: int) -> bytes:
        buffer = ctypes.create_string_buffer(256)
        size = llama_cpp.llama_token_to_piece(self._vocab, token, buffer, 256, 0, False)
        return buffer.raw[: max(size, 0)]

    def _decode(self, tokens: Sequence[int], start: int, *, every: bool) -> NDArray[np.float32]:
        """Feed tokens at positions from `start`; logits `[n, n_vocab]` (of the last one alone without `every`).

        The array is llama.cpp's own memory: it is gone with the next call.
        """
        batch = self._batch
        batch.n_tokens = len(tokens)
        for i, token in enumerate(tokens):
            batch.token[i] = token
            batch.pos[i] = start + i
            batch.n_seq_id[i] = 1
            batch.seq_id[i][0] = 0
            batch.logits[i] = every or i == len(tokens) - 1
        if llama_cpp.llama_decode(self._context, batch) != 0:
            raise FinetuneError("gguf-rejected", GGUF_REJECTED, path=self.path)
        rows = len(tokens) if every else 1
        pointer = llama_cpp.llama_get_logits(self._context)
        return np.ctypeslib.as_array(ctypes.cast(pointer, ctypes.POINTER(ctypes.c_float)), (rows, self.n_vocab))

    def _keep(self, count: int) -> None:
        """Forget all but the first `count` tokens."""
        memory = llama_cpp.llama_get_memory(self._context)
        if not llama_cpp.llama_memory_seq_rm(memory, 0, count, -1):
            llama_cpp.llama_memory_clear(memory, True)
            count = 0
        del self._fed[count:]

    def _feed(self, tokens: Sequence[int], *, every: bool) -> Iterator[NDArray[np.float32]]:
        """Decode tokens after those fed so far, in pieces; the logits of each piece are gone with the next."""
        for start in range(0, len(tokens), _BATCH_TOKENS):
            piece = tokens[start : start + _BATCH_TOKENS]
            logits = self._decode(piece, len(self._fed), every=every)
            self._fed += piece
            yield logits

    def _feed_before(self, tokens: Sequence[int]) -> None:
        """Bring the cache to hold exactly `tokens`, decoding only what it does not hold yet."""
        pairs = zip(self._fed, tokens, strict=False)
        self._keep(next((i for i, (old, new) in enumerate(pairs) if old != new), min(len(self._fed), len(tokens))))
        for _ in self._feed(tokens[len(self._fed) :], every=False):
            continue

    def logits(self, tokens: Sequence[int]) -> Iterator[NDArray[np.float32]]:
        """Logits of every position, in pieces of `[≤ 512, n_vocab]`; use each before asking for the next."""
        self._keep(0)
        yield from self._feed(tokens, every=True)

    def log_probs(self, tokens: Sequence[int], start: int = 1) -> NDArray[np.float64]:
        """The log-probability (natural) of each token from `start` on, given those before it: `[n - start]`."""
        return self.score(tokens, start)[0]

    def score(self, tokens: Sequence[int], start: int = 1) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
        """As `log_probs`, and whether each token was the most probable one.

        What stands before `start - 1` is decoded without logits, and not at all where the last call began so too.
        """
        found: list[NDArray[np.float64]] = [np.zeros(0)]
        first: list[NDArray[np.bool_]] = [np.zeros(0, np.bool_)]
        self._feed_before(tokens[: start - 1])
        position = start
        for logits in self._feed(tokens[start - 1 : -1], every=True):
            following = np.asarray(tokens[position : position + len(logits)], dtype=np.intp)
            top = logits.max(axis=1)
            total = np.log(np.exp(logits - top[:, None]).sum(axis=1, dtype=np.float64)) + top
            chosen = logits[np.arange(len(following)), following]
            found.append(chosen - total)
            first.append(chosen >= top)
            position += len(logits)
        return np.concatenate(found), np.concatenate(first)

    def generate(
        self,
        tokens: Sequence[int],
        *,
        max_tokens: int,
        temperature: float = 0.0,
        seed: int = 0,
        stop: Callable[[str], bool] = lambda text: False,
    ) -> str:
        """The text after a prompt, greedily or sampled, to the end token, to `stop(text)`, or to the limit."""
        random = np.random.default_rng(seed)
        self._feed_before(tokens[:-1])
        last, raw, text = tokens[-1], b"", ""
        for _ in range(min(max_tokens, self.n_ctx - len(tokens) - 1)):
            (logits,) = self._feed([last], every=False)
            last = _pick(logits[0], temperature, random)
            if self.is_end(last):
                break
            raw += self._piece(last)
            text = raw.decode("utf-8", errors="replace")
            if stop(text):
                break
        return text


def _pick(logits: NDArray[np.float32], temperature: float, random: np.random.Generator) -> int:
    if temperature <= 0:
        return int(logits.argmax())
    # Adding Gumbel noise and taking the largest samples from the softmax without computing it.
    return int((logits / temperature + random.gumbel(size=logits.shape)).argmax())


@contextlib.contextmanager
def opened(path: Path, *, n_ctx: int = 2048, exact: bool = False) -> Iterator[Gguf]:
    """A model for the length of a `with`."""
    with Gguf(path, n_ctx=n_ctx, exact=exact) as model:
        yield model
