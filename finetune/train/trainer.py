"""TRL's trainer with our loss: completion positions only, KL to the base by option, counted tokens.

What TRL 1.16 does already (compacting the head's work) it does on CUDA alone; on a CPU it scores every position.
"""

from __future__ import annotations

from typing import Any

import torch
from transformers import TrainerCallback
from trl import SFTConfig, SFTTrainer

from finetune.train.head import CompletionLoss, attach


class CompletionTrainer(SFTTrainer):
    """SFT over `input_ids` and `labels`. `loss_tokens` counts the positions learned from since the process began."""

    def __init__(self, *arguments: Any, kl_to_base: float = 0.0, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self.kl_to_base = kl_to_base
        self.loss_tokens = 0
        self.seen_tokens = 0
        attach(self.model.get_base_model())

    def compute_loss(
        self, model: Any, inputs: dict[str, Any], return_outputs: bool = False, num_items_in_batch: Any = None
    ) -> Any:
        """Mean loss over the completion positions of the whole optimiser step (Trainer gives their number)."""
        mode = "train" if self.model.training else "eval"
        beta = self.kl_to_base if mode == "train" else 0.0
        reference = None
        if beta:
            with torch.no_grad(), self.accelerator.unwrap_model(model).disable_adapter():
                reference = model(**inputs, completion="hidden")
        found: CompletionLoss = model(**inputs, completion="loss", reference=reference, beta=beta)
        positions = max(found.positions, 1)
        self._metrics[mode]["mean_token_accuracy"].append(found.correct.item() / positions)
        if beta:
            self._metrics[mode]["kl_to_base"].append(found.kl.item() / positions)
        if mode == "train":
            self.loss_tokens += found.positions
            self.seen_tokens += _n_tokens(inputs)
        count = found.positions if num_items_in_batch is None else num_items_in_batch
        loss = found.total / torch.as_tensor(count, device=found.total.device).clamp(min=1)
        if self.args.average_tokens_across_devices and num_items_in_batch is not None:
            loss = loss * self.accelerator.num_processes
        return (loss, {}) if return_outputs else loss

    def log(self, logs: dict[str, float], start_time: float | None = None) -> None:
        """Log as TRL does, without its running count of tokens, which does not survive a restart."""
        self._metrics["train"].pop("num_tokens", None)
        super().log(logs, start_time)


def _n_tokens(inputs: dict[str, Any]) -> int:
    """How many tokens a batch holds, padding not counted."""
    if "attention_mask" in inputs:
        return int(inputs["attention_mask"].sum())
    # Padding has position 0 throughout, and the last row does not end with its first token.
    from_the_end = inputs["position_ids"].flip(-1).cumsum(-1)
    return int((from_the_end > 0).sum())


__all__ = ["CompletionTrainer", "SFTConfig", "TrainerCallback"]
