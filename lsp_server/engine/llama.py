"""llama.cpp through llama-cpp-python's low-level API: the only importer of `llama_cpp` in this package.

Owns: a model with its vocabulary and adapters (`LlamaModel`), and one KV cache over it (`LlamaContext`), as Python
objects. Does not own: which cache serves which request, or the loop that generates (`decoding`).
"""

from __future__ import annotations

import ctypes
import logging
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import llama_cpp
import numpy as np
import numpy.typing as npt

from lsp_server.engine.backend import BackendError, OnLoad, ShouldStop
from lsp_server.engine.base import LoraScale

log = logging.getLogger(__name__)

_ABORTED = 2
_PIECE_BYTES = 64
_NO_MEMORY = (
    "failed to allocate",
    "unable to allocate",
    "out of memory",
    "bad_alloc",
    "bad allocation",
    "cannot allocate",
)


_GGML_LOG_LEVEL_ERROR = 4


@llama_cpp.llama_log_callback  # type: ignore[untyped-decorator]
def _to_debug(_level: int, text: bytes, _user_data: object) -> None:
    """Errors too: llama.cpp calls every cancelled prefill one, and real ones come as return codes."""
    log.debug("%s", text.decode("utf-8", "replace").rstrip())


@llama_cpp.llama_log_callback  # type: ignore[untyped-decorator]
def _to_complaints(level: int, text: bytes, _user_data: object) -> None:
    is_error = level == _GGML_LOG_LEVEL_ERROR
    log.log(logging.WARNING if is_error else logging.DEBUG, "%s", text.decode("utf-8", "replace").rstrip())


class _Complaints(logging.Handler):
    """Keeps what llama.cpp says while something loads: its functions return NULL and no reason."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self.lines: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.lines.append(record.getMessage())

    def __enter__(self) -> _Complaints:
        llama_cpp.llama_log_set(_to_complaints, None)
        log.addHandler(self)
        return self

    def __exit__(self, *_: object) -> None:
        log.removeHandler(self)
        llama_cpp.llama_log_set(_to_debug, None)

    def error(self, code: str) -> BackendError:
        """The first complaint is the cause. Where it is about memory, the code is `out_of_memory`."""
        lines = [line for line in self.lines if line]
        if any(text in line.lower() for line in lines for text in _NO_MEMORY):
            code = "out_of_memory"
        return BackendError(code, lines[0].partition(": ")[2] or lines[0] if lines else "llama.cpp gave no reason")


class LlamaModel:
    """Weights, vocabulary and adapters.

    Raises:
        BackendError: `model_missing`, `model_damaged`, `adapter_damaged`, `out_of_memory`.
    """

    def __init__(
        self, path: Path, adapters: Sequence[Path] = (), n_gpu_layers: int = -1, on_load: OnLoad | None = None
    ) -> None:
        if not path.is_file():
            raise BackendError("model_missing", str(path))
        llama_cpp.llama_log_set(_to_debug, None)
        llama_cpp.llama_backend_init()
        params = llama_cpp.llama_model_default_params()
        params.n_gpu_layers = n_gpu_layers

        @llama_cpp.llama_progress_callback  # type: ignore[untyped-decorator]
        def note(part: float, _user_data: object) -> bool:
            if on_load is not None:
                on_load(part)
            return True  # go on

        params.progress_callback = note
        with _Complaints() as complaints:
            self._model = llama_cpp.llama_model_load_from_file(str(path).encode(), params)
        if not self._model:
            raise complaints.error("model_damaged")
        self._vocab = llama_cpp.llama_model_get_vocab(self._model)
        self.n_vocab = int(llama_cpp.llama_vocab_n_tokens(self._vocab))
        self.n_ctx_train = int(llama_cpp.llama_model_n_ctx_train(self._model))
        self.kv_bytes_per_token = self._kv_bytes_per_token()
        self._pieces: dict[int, bytes] = {}
        self._adapters = [self._load_adapter(adapter) for adapter in adapters]

    def tokenize(self, text: str, *, add_special: bool, parse_special: bool) -> list[int]:
        """Token ids of a text."""
        data = text.encode("utf-8", "replace")
        size = len(data) + 2
        ids = (llama_cpp.llama_token * size)()
        n = llama_cpp.llama_tokenize(self._vocab, data, len(data), ids, size, add_special, parse_special)
        if n < 0:  # more tokens than bytes: a vocabulary that expands characters
            ids = (llama_cpp.llama_token * -n)()
            n = llama_cpp.llama_tokenize(self._vocab, data, len(data), ids, -n, add_special, parse_special)
        return list(ids[:n])

    def piece(self, token: int) -> bytes:
        """The bytes of a token; none for special tokens."""
        known = self._pieces.get(token)
        if known is None:
            size = _PIECE_BYTES
            buffer = ctypes.create_string_buffer(size)
            n = llama_cpp.llama_token_to_piece(self._vocab, token, buffer, size, 0, False)
            if n < 0:
                buffer = ctypes.create_string_buffer(-n)
                n = llama_cpp.llama_token_to_piece(self._vocab, token, buffer, -n, 0, False)
            known = self._pieces[token] = buffer.raw[:n]
        return known

    def ends_generation(self, token: int) -> bool:
        """Whether a token means that the answer is over."""
        return bool(llama_cpp.llama_vocab_is_eog(self._vocab, token))

    def context(self, n_ctx: int, n_threads: int, n_batch: int, n_outputs: int) -> LlamaContext:
        """A new KV cache. At most `n_batch` tokens are evaluated at once, and `n_outputs` of them may be looked at."""
        return LlamaContext(self, n_ctx, n_threads, n_batch, n_outputs)

    def close(self) -> None:
        """Free the model; its contexts must be closed by then."""
        llama_cpp.llama_model_free(self._model)

    def new_context(self, params: llama_cpp.llama_context_params) -> ctypes.c_void_p:
        """llama.cpp's own context."""
        with _Complaints() as complaints:
            context = llama_cpp.llama_init_from_model(self._model, params)
        if not context:
            raise complaints.error("out_of_memory")
        return context  # type: ignore[no-any-return]

    def adapter_arguments(self, lora: Sequence[LoraScale]) -> tuple[object, int, object]:
        """What `llama_set_adapters_lora` takes for these scales."""
        active = [item for item in lora if item.scale]
        if any(not 0 <= item.id < len(self._adapters) for item in active):
            raise BackendError("bad_request", f"there are {len(self._adapters)} adapters")
        chosen: list[Any] = [self._adapters[item.id] for item in active]
        handles = (llama_cpp.llama_adapter_lora_p_ctypes * len(active))(*chosen)
        scales = (ctypes.c_float * len(active))(*(item.scale for item in active))
        return handles, len(active), scales

    def _kv_bytes_per_token(self) -> int:
        """Keys and values of 16 bits in every layer."""
        head_size = llama_cpp.llama_model_n_embd(self._model) // llama_cpp.llama_model_n_head(self._model)
        n_layer, n_head_kv = llama_cpp.llama_model_n_layer(self._model), llama_cpp.llama_model_n_head_kv(self._model)
        return int(2 * 2 * n_layer * n_head_kv * head_size)

    def _load_adapter(self, path: Path) -> ctypes.c_void_p:
        with _Complaints() as complaints:
            adapter = llama_cpp.llama_adapter_lora_init(self._model, str(path).encode())
        if not adapter:
            raise complaints.error("adapter_damaged")
        return adapter  # type: ignore[no-any-return]


class LlamaContext:
    """One KV cache and the tokens it holds. Not thread-safe."""

    def __init__(self, model: LlamaModel, n_ctx: int, n_threads: int, n_batch: int, n_outputs: int) -> None:
        params = llama_cpp.llama_context_default_params()
        params.n_ctx = n_ctx
        params.n_batch = params.n_ubatch = n_batch
        params.n_outputs_max = params.n_outputs_max_per_seq = n_outputs
        params.n_threads = params.n_threads_batch = n_threads
        params.no_perf = True
        self._model = model
        self._context = model.new_context(params)
        self._memory = llama_cpp.llama_get_memory(self._context)
        self._batch = llama_cpp.llama_batch_init(n_batch, 0, 1)
        for i in range(n_batch):
            self._batch.n_seq_id[i] = 1
            self._batch.seq_id[i][0] = 0
        # Kept as an attribute: llama.cpp holds the pointer. It is asked after every operation of the graph, which is
        # what makes cancelling a prefill quick; while single tokens are decoded it would cost more than it saves.
        self._abort_callback = llama_cpp.ggml_abort_callback(lambda _data: self._should_stop())
        self._no_callback = llama_cpp.ggml_abort_callback()
        self._should_stop: ShouldStop = _never
        self.n_ctx = int(llama_cpp.llama_n_ctx(self._context))
        self.n_batch = n_batch
        self.tokens: list[int] = []

    def set_adapters(self, lora: Sequence[LoraScale]) -> None:
        """Make these adapters act, and no others. What was evaluated under others is forgotten."""
        handles, n, scales = self._model.adapter_arguments(lora)
        self.truncate(0)
        if llama_cpp.llama_set_adapters_lora(self._context, handles, n, scales) != 0:
            raise BackendError("engine_failed", "llama_set_adapters_lora")

    def truncate(self, n_tokens: int) -> None:
        """Forget all but the first `n_tokens`; all of them where this kind of model cannot forget a part."""
        if n_tokens >= len(self.tokens):
            return
        if n_tokens == 0 or not llama_cpp.llama_memory_seq_rm(self._memory, 0, n_tokens, -1):
            llama_cpp.llama_memory_clear(self._memory, False)
            n_tokens = 0
        del self.tokens[n_tokens:]

    def evaluate(self, tokens: Sequence[int], n_outputs: int, should_stop: ShouldStop | None = None) -> bool:
        """Append at most `n_batch` tokens; the last `n_outputs` of them can be looked at with `logits` afterwards.

        Returns False where `should_stop` ended it: then none of these tokens is in the cache.
        """
        self._fill(tokens, n_outputs)
        self._watch(should_stop)
        result = llama_cpp.llama_decode(self._context, self._batch)
        if result == 0:
            self.tokens.extend(tokens)
            return True
        llama_cpp.llama_memory_seq_rm(self._memory, 0, len(self.tokens), -1)
        if result == _ABORTED:
            return False
        raise BackendError("engine_failed", f"llama_decode returned {result}")

    def logits(self, index: int) -> npt.NDArray[np.float32]:
        """Logits after the token at `index` of the last batch, shape (n_vocab,); valid until the next `evaluate`."""
        row = llama_cpp.llama_get_logits_ith(self._context, index)
        return np.ctypeslib.as_array(row, shape=(self._model.n_vocab,))

    def sample(self, sampler: Sampler) -> int:
        """Draw a token after the last one."""
        return int(llama_cpp.llama_sampler_sample(sampler.chain, self._context, -1))

    def close(self) -> None:
        """Free the cache."""
        llama_cpp.llama_batch_free(self._batch)
        llama_cpp.llama_free(self._context)

    def _fill(self, tokens: Sequence[int], n_outputs: int) -> None:
        batch = self._batch
        batch.n_tokens = len(tokens)
        first = len(self.tokens)
        first_output = len(tokens) - n_outputs
        for i, token in enumerate(tokens):
            batch.token[i] = token
            batch.pos[i] = first + i
            batch.logits[i] = i >= first_output

    def _watch(self, should_stop: ShouldStop | None) -> None:
        callback = self._abort_callback if should_stop is not None else self._no_callback
        self._should_stop = should_stop or _never
        llama_cpp.llama_set_abort_callback(self._context, callback, None)


class Sampler:
    """Draws tokens by temperature, repeatably for a seed."""

    def __init__(self, temperature: float, seed: int, top_p: float = 0.95) -> None:
        self.chain = llama_cpp.llama_sampler_chain_init(llama_cpp.llama_sampler_chain_default_params())
        for part in (
            llama_cpp.llama_sampler_init_top_k(40),
            llama_cpp.llama_sampler_init_top_p(top_p, 1),
            llama_cpp.llama_sampler_init_temp(temperature),
            llama_cpp.llama_sampler_init_dist(seed & 0xFFFFFFFF),
        ):
            llama_cpp.llama_sampler_chain_add(self.chain, part)

    def close(self) -> None:
        """Free it."""
        llama_cpp.llama_sampler_free(self.chain)


def _never() -> bool:
    return False
