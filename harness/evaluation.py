"""Losses and activations in eval mode over whole splits, on distinct contexts weighted by counts.

A split has some thirty times fewer distinct contexts than examples, and equal contexts give equal
outputs; so each is computed once and counts as often as it occurs.
"""

from dataclasses import dataclass

import numpy as np

from harness import layers
from harness.corpus.split import Split
from harness.layers.kernels import Array, Signal, row_kernel
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


def split_loss(stack: Stack, contexts: Contexts, look: "Look | None" = None) -> Array:
    """Each member's mean loss over a split in eval mode, nats (K,).

    Args:
        stack: the members.
        contexts: the split.
        look: is shown the hidden layers' outputs on the way.
    """
    totals = np.zeros(stack.count)
    for block, counts in zip(contexts.blocks, contexts.counts, strict=True):
        for number, out in enumerate(stack.evaluate(block)):
            if number == len(stack.hidden):
                cross_entropy_counts(out.array, counts, totals)
            elif look:
                look.add(number, out, counts)
    mean: Array = totals / contexts.counts.sum()
    return mean


class Look:
    """What a stack's hidden layers put out over a split."""

    def __init__(self, stack: Stack) -> None:
        self._activation = layers.activation(stack.fields.activation).Textbook
        depth, count, width = len(stack.hidden), stack.count, stack.fields.width
        self._sums = np.zeros((depth, count, 3))  # of values, squares, and those beyond the slope
        self._alive = np.zeros((depth, count, width))
        self._weight = np.zeros(depth)

    def add(self, number: int, out: Signal, counts: Array) -> None:
        """Take a hidden layer's outputs for contexts followed by characters so often (C, V)."""
        weights = counts.sum(axis=1)  # (C,)
        weighted_moments(
            out.array, weights, *self._activation.sloped, self._sums[number], self._alive[number]
        )
        self._weight[number] += weights.sum()

    def table(self) -> Array:
        """As `diagnostics.describe`, over all that was taken (K, L, 4)."""
        width = self._alive.shape[2]
        mean, square, within = np.moveaxis(self._sums / (self._weight * width)[:, None, None], 2, 0)
        beyond = 1 - within if self._activation.saturates else np.full_like(within, np.nan)
        spread = np.sqrt(np.maximum(square - mean**2, 0))
        dead = (self._alive == 0).mean(axis=2)
        return np.stack([mean, spread, beyond, dead], axis=2).swapaxes(0, 1)  # (K, L, 4)


@row_kernel
def weighted_moments(
    signal: Array, weights: Array, low: float, high: float, sums: Array, alive: Array
) -> None:
    """Add each member's weighted sums of values, squares and how many are within [low, high].

    Args:
        signal: (K, C, H and filling).
        weights: of the rows (C,); a row of weight 0 does not count at all.
        low, high: between which the activation has a slope.
        sums: (K, 3) float64, added to.
        alive: (K, H), added the weight of the rows on which a unit was between low and high.
    """
    members, width = alive.shape
    for k in range(members):
        for c in range(len(weights)):
            row, weight = signal[k, c], weights[c]
            total, squares, within = 0.0, 0.0, 0.0
            for h in range(width):
                value = np.float64(row[h])
                inside = np.float64(np.int64(low <= value) & np.int64(value <= high))
                total += value
                squares += value * value
                within += inside
                alive[k, h] += weight * inside
            sums[k, 0] += weight * total
            sums[k, 1] += weight * squares
            sums[k, 2] += weight * within
