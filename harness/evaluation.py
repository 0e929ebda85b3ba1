"""Losses and activations in eval mode over whole splits, on distinct contexts weighted by counts.

A split has some thirty times fewer distinct contexts than examples, and equal contexts give equal
outputs; so each is computed once and counts as often as it occurs.
"""

from dataclasses import dataclass

import numpy as np

from harness import layers
from harness.corpus.split import Split
from harness.layers.kernels import Array, kernel
from harness.layers.loss import cross_entropy_counts
from harness.stack import Stack

ROWS = 256  # contexts at once: few enough to stay in cache


@dataclass(frozen=True)
class Contexts:
    """A split's distinct contexts in blocks of equal size; the last is filled up with zero counts.

    Attributes:
        blocks: (blocks, ROWS, context).
        counts: (blocks, ROWS, V).
    """

    blocks: Array
    counts: Array

    @classmethod
    def of(cls, split: Split) -> "Contexts":
        """The blocks of a split."""
        count, context = split.contexts.shape
        blocks = -(-count // ROWS)
        padded = np.zeros((blocks * ROWS, context), np.int64)
        padded[:count] = split.contexts.numpy()
        counts = np.zeros((blocks * ROWS, split.counts.shape[1]))
        counts[:count] = split.counts.numpy()
        return cls(padded.reshape(blocks, ROWS, -1), counts.reshape(blocks, ROWS, -1))


def split_loss(stack: Stack, contexts: Contexts) -> Array:
    """Each member's mean loss over a split in eval mode, nats (K,)."""
    totals = np.zeros(stack.count)
    for block, counts in zip(contexts.blocks, contexts.counts, strict=True):
        *_, logits = stack.evaluate(block)
        cross_entropy_counts(logits.array, counts, totals)
    mean: Array = totals / contexts.counts.sum()
    return mean


def split_layers(stack: Stack, contexts: Contexts) -> Array:
    """Hidden layers' outputs over a split in eval mode, as `diagnostics.describe` (K, L, 4)."""
    activation = layers.activation(stack.fields.activation).Textbook
    depth, width = len(stack.hidden), stack.fields.width
    sums = np.zeros((depth, stack.count, 3))  # of value, square, and whether beyond the slope
    alive = np.zeros((depth, stack.count, width), np.bool_)
    for block, counts in zip(contexts.blocks, contexts.counts, strict=True):
        weights = counts.sum(axis=1)  # (ROWS,)
        for number, out in zip(range(depth), stack.evaluate(block), strict=False):
            weighted_moments(out.array, weights, *activation.sloped, sums[number], alive[number])
    mean, square, beyond = np.moveaxis(sums, 2, 0) / (contexts.counts.sum() * width)  # (L, K) each
    if not activation.saturates:
        beyond = np.full_like(beyond, np.nan)
    spread = np.sqrt(np.maximum(square - mean**2, 0))
    table = np.stack([mean, spread, beyond, 1 - alive.mean(axis=2)], axis=2)  # (L, K, 4)
    return table.swapaxes(0, 1)


@kernel
def weighted_moments(
    signal: Array, weights: Array, low: float, high: float, sums: Array, alive: Array
) -> None:
    """Add each member's weighted sums of values, squares and values beyond [low, high].

    Args:
        signal: (K, C, H).
        weights: of the rows (C,); a row of weight 0 does not count at all.
        low, high: between which the activation has a slope.
        sums: (K, 3) float64, added to.
        alive: (K, H), set where a unit was between low and high.
    """
    members, width = alive.shape
    for k in range(members):
        for c in range(len(weights)):
            if weights[c] == 0:
                continue
            total, squares, beyond = 0.0, 0.0, 0
            for h in range(width):
                value = np.float64(signal[k, c, h])
                total += value
                squares += value * value
                if value < low or value > high:
                    beyond += 1
                else:
                    alive[k, h] = True
            sums[k, 0] += weights[c] * total
            sums[k, 1] += weights[c] * squares
            sums[k, 2] += weights[c] * beyond
