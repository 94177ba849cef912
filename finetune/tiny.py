"""Two very small models made on the spot, for trying every stage in minutes without a download.

Owns: a Mistral with a SentencePiece vocabulary (as Zephyr's) and a Qwen2 with a byte-level BPE one. Both are trained
for a few steps on the text of the smoke set, so that quantising and adapting them changes what can be measured.
"""

from __future__ import annotations

import io
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import sentencepiece
import torch
from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers, trainers
from transformers import MistralConfig, MistralForCausalLM, PreTrainedTokenizerFast, Qwen2Config, Qwen2ForCausalLM

from models.json_lines import read_json_lines

VOCABULARY = 768
_CONTEXT = 2048
_PRETRAIN_STEPS = 60
_PRETRAIN_WINDOW = 128
_QWEN_SPECIAL = (
    "<|endoftext|>",
    "<|im_start|>",
    "<|im_end|>",
    "<|fim_prefix|>",
    "<|fim_middle|>",
    "<|fim_suffix|>",
    "<|fim_pad|>",
    "<|repo_name|>",
    "<|file_sep|>",
)
# Qwen2's own split, as in its tokenizer.json and in llama.cpp's "qwen2" pre-tokeniser.
_QWEN_SPLIT = (
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
)
# The templates of the two families; the text they give is checked against `models.prompt` by the parity stage.
_ZEPHYR_TEMPLATE = (
    "{% for message in messages %}<|{{ message['role'] }}|>\n{{ message['content'] }}{{ eos_token }}\n{% endfor %}"
    "{% if add_generation_prompt %}<|assistant|>\n{% endif %}"
)
_CHATML_TEMPLATE = (
    "{% for message in messages %}<|im_start|>{{ message['role'] }}\n{{ message['content'] }}<|im_end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)


def make(kind: str, folder: Path, seed: int) -> None:
    """Write a tiny model as a Hugging Face folder: `kind` is `mistral` or `qwen2`. Weights in fp16."""
    folder.mkdir(parents=True, exist_ok=True)
    texts = list(_texts())
    torch.manual_seed(seed)
    model: Any
    if kind == "mistral":
        tokenizer = _sentencepiece_tokenizer(folder, texts)
        model = MistralForCausalLM(
            MistralConfig(hidden_size=256, intermediate_size=512, **_shape(tokenizer), sliding_window=None)
        )
    else:
        # 96 columns are not divisible by 256, as Qwen2.5-0.5B's 896 are not: "q4_k_m" falls back to other types.
        tokenizer = _bpe_tokenizer(texts)
        shape = _shape(tokenizer)
        model = Qwen2ForCausalLM(Qwen2Config(hidden_size=96, intermediate_size=256, **shape, tie_word_embeddings=True))
    tokenizer.save_pretrained(folder)
    _mark_tokenizer(folder, kind)
    _pretrain(model, tokenizer, texts, seed)
    model.to(torch.float16).save_pretrained(folder)


def _texts() -> Iterator[str]:
    path = Path(__file__).parent / "data" / "smoke.jsonl"
    for row in read_json_lines(path):
        yield "\n".join(value for value in row.values() if isinstance(value, str))


def _shape(tokenizer: PreTrainedTokenizerFast) -> dict[str, Any]:
    return {
        "vocab_size": len(tokenizer),
        "num_hidden_layers": 2,
        "num_attention_heads": 4,
        "num_key_value_heads": 2,
        "max_position_embeddings": _CONTEXT,
        "bos_token_id": tokenizer.bos_token_id,
        "eos_token_id": tokenizer.eos_token_id,
        "pad_token_id": tokenizer.pad_token_id,
        "initializer_range": 0.06,
    }


def _sentencepiece_tokenizer(folder: Path, texts: list[str]) -> PreTrainedTokenizerFast:
    written = io.BytesIO()
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=iter("\n".join(texts).split("\n")),
        model_writer=written,
        model_type="bpe",
        vocab_size=VOCABULARY,
        byte_fallback=True,
        character_coverage=0.9995,
        normalization_rule_name="identity",
        remove_extra_whitespaces=False,
        split_digits=True,
        allow_whitespace_only_pieces=True,
        num_threads=1,
        minloglevel=2,
    )
    (folder / "tokenizer.model").write_bytes(written.getvalue())
    pieces = sentencepiece.SentencePieceProcessor(model_proto=written.getvalue())
    vocabulary = {pieces.id_to_piece(i): i for i in range(pieces.get_piece_size())}
    # A merge's rank is the id of the piece it makes: SentencePiece numbers pieces in the order it found them.
    merges = [
        (piece[:cut], piece[cut:])
        for piece, _ in sorted(vocabulary.items(), key=lambda item: item[1])
        if not pieces.is_byte(vocabulary[piece]) and not pieces.is_control(vocabulary[piece])
        for cut in range(1, len(piece))
        if piece[:cut] in vocabulary and piece[cut:] in vocabulary
    ]
    core = Tokenizer(models.BPE(vocab=vocabulary, merges=merges, unk_token="<unk>", byte_fallback=True, fuse_unk=True))  # noqa: S106
    core.normalizer = normalizers.Sequence([normalizers.Prepend("▁"), normalizers.Replace(" ", "▁")])
    core.decoder = decoders.Sequence(
        [decoders.Replace("▁", " "), decoders.ByteFallback(), decoders.Fuse(), decoders.Strip(" ", 1, 0)]
    )
    core.add_special_tokens([AddedToken(token, special=True, normalized=False) for token in ("<unk>", "<s>", "</s>")])
    tokenizer = PreTrainedTokenizerFast(
        tokenizer_object=core,
        unk_token="<unk>",  # noqa: S106 - a name in a vocabulary
        bos_token="<s>",  # noqa: S106
        eos_token="</s>",  # noqa: S106
        pad_token="</s>",  # noqa: S106
    )
    tokenizer.chat_template = _ZEPHYR_TEMPLATE
    return tokenizer


def _bpe_tokenizer(texts: list[str]) -> PreTrainedTokenizerFast:
    core = Tokenizer(models.BPE())
    core.normalizer = normalizers.NFC()
    core.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Split(Regex(_QWEN_SPLIT), behavior="isolated"),
            pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
        ]
    )
    core.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=VOCABULARY - len(_QWEN_SPECIAL),
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    core.train_from_iterator(texts, trainer)
    core.add_special_tokens([AddedToken(token, special=True, normalized=False) for token in _QWEN_SPECIAL])
    tokenizer = PreTrainedTokenizerFast(tokenizer_object=core, eos_token="<|im_end|>", pad_token="<|endoftext|>")  # noqa: S106
    tokenizer.chat_template = _CHATML_TEMPLATE
    return tokenizer


def _mark_tokenizer(folder: Path, kind: str) -> None:
    """Name the tokenizer class that the families' own folders name."""
    path = folder / "tokenizer_config.json"
    config = json.loads(path.read_text(encoding="utf-8"))
    config["tokenizer_class"] = "LlamaTokenizer" if kind == "mistral" else "Qwen2Tokenizer"
    config |= {"legacy": True, "add_bos_token": True, "add_eos_token": False} if kind == "mistral" else {}
    path.write_text(json.dumps(config, ensure_ascii=False, indent=1), encoding="utf-8")


def _pretrain(model: Any, tokenizer: PreTrainedTokenizerFast, texts: list[str], seed: int) -> None:
    ids = torch.tensor(
        [i for text in texts for i in [*tokenizer.encode(text, add_special_tokens=False), tokenizer.eos_token_id]]
    )
    generator = torch.Generator().manual_seed(seed)
    optimiser = torch.optim.AdamW(model.parameters(), lr=3e-3)
    threads = torch.get_num_threads()
    torch.set_num_threads(1)  # so small are these matrices that a second thread only waits
    for _ in range(_PRETRAIN_STEPS):
        starts = torch.randint(0, len(ids) - _PRETRAIN_WINDOW, (4,), generator=generator).tolist()
        batch = torch.stack([ids[start : start + _PRETRAIN_WINDOW] for start in starts])
        loss = model(input_ids=batch, labels=batch).loss
        loss.backward()
        optimiser.step()
        optimiser.zero_grad()
    torch.set_num_threads(threads)
