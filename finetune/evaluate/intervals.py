"""How far a difference between two systems on the same problems may be chance."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Difference:
    """Mean of b − a with its 95 % bootstrap interval."""

    mean: float
    low: float
    high: float


def paired_bootstrap(a: Sequence[float], b: Sequence[float], *, seed: int = 0, draws: int = 10_000) -> Difference:
    """Resample problems, both systems together."""
    delta = np.asarray(b, dtype=float) - np.asarray(a, dtype=float)
    random = np.random.default_rng(seed)
    means = delta[random.integers(0, len(delta), (draws, len(delta)))].mean(axis=1)
    low, high = np.quantile(means, (0.025, 0.975))
    return Difference(float(delta.mean()), float(low), float(high))


def pass_at_k(n: int, correct: int, k: int) -> float:
    """The unbiased estimate of Chen et al. (2107.03374): the chance that one of k samples of n passes."""
    if n - correct < k:
        return 1.0
    return 1.0 - math.comb(n - correct, k) / math.comb(n, k)
