"""Losses and activations in eval mode over whole splits, on distinct contexts weighted by counts.

A split has about thirty times fewer distinct contexts than examples, and equal contexts give equal
outputs. So each context is computed once and weighted by its number of examples.
"""

import math
from dataclasses import dataclass

import numpy as np

from harness.subjects.char_mlp import layers
from harness.subjects.char_mlp.layers.kernels import Array, Signal, row_kernel
from harness.subjects.char_mlp.layers.loss import cross_entropy_counts
from harness.subjects.char_mlp.layers.products import ROWS as TILE
from harness.subjects.char_mlp.stacked import StackedMLP
from harness.subjects.corpus.split import Split

LARGEST_BLOCK = 256  # contexts computed at once: few enough to stay in cache


@dataclass(frozen=True)
class Contexts:
    """The distinct contexts of some splits in blocks of equal size, padded with zero counts.

    Attributes:
        blocks: (blocks, rows, context).
        counts: how often each character follows a context in each split (blocks, rows, S, V).
    """

    blocks: Array
    counts: Array

    @classmethod
    def of(cls, *splits: Split) -> "Contexts":
        """The blocks of some splits; a context that several have is computed once."""
        every = np.concatenate([split.contexts for split in splits])
        distinct, places = np.unique(every, axis=0, return_inverse=True)
        blocks, context = math.ceil(len(distinct) / LARGEST_BLOCK), distinct.shape[1]
        rows = math.ceil(len(distinct) / blocks / TILE) * TILE
        padded = np.zeros((blocks * rows, context), np.int64)
        padded[: len(distinct)] = distinct
        counts = np.zeros((blocks * rows, len(splits), splits[0].counts.shape[1]))
        ends = np.cumsum([len(split.contexts) for split in splits])[:-1]
        for number, (split, where) in enumerate(zip(splits, np.split(places, ends), strict=True)):
            counts[where, number] = split.counts
        return cls(
            padded.reshape(blocks, rows, context), counts.reshape(blocks, rows, len(splits), -1)
        )


def split_loss(
    stack: StackedMLP, contexts: Contexts, stats: "ActivationStats | None" = None
) -> Array:
    """Each member's mean loss over each split in eval mode, nats (K, S).

    Args:
        stack: the members.
        contexts: the splits.
        stats: accumulates the hidden layers' outputs, if given.
    """
    totals = np.zeros((stack.count, contexts.counts.shape[2]))
    for block, counts in zip(contexts.blocks, contexts.counts, strict=True):
        for number, out in enumerate(stack.evaluate(block)):
            if number == len(stack.hidden):
                cross_entropy_counts(out.array, counts, totals)
            elif stats:
                stats.add(number, out, counts)
    mean: Array = totals / contexts.counts.sum(axis=(0, 1, 3))
    return mean


class ActivationStats:
    """Statistics of the hidden layers' outputs over one of the evaluated splits.

    Args:
        stack: the members.
        split: the split's index among those evaluated.
    """

    def __init__(self, stack: StackedMLP, split: int) -> None:
        self._split = split
        self._activation = layers.activation(stack.fields.activation).Textbook
        depth, count, width = len(stack.hidden), stack.count, stack.fields.width
        self._sums = np.zeros((depth, count, 3))  # of values, of squares, of those with a slope
        self._alive = np.zeros((depth, count, width))
        self._weight = np.zeros(depth)

    def add(self, number: int, out: Signal, counts: Array) -> None:
        """Add a hidden layer's outputs for contexts with these counts (C, S, V)."""
        weights = counts[:, self._split].sum(axis=1)  # (C,)
        weighted_moments(
            out.array, weights, *self._activation.sloped, self._sums[number], self._alive[number]
        )
        self._weight[number] += weights.sum()

    def table(self) -> Array:
        """As `diagnostics.activation_table`, over all outputs added (K, L, 4)."""
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
    """Add each member's weighted sums of values, of squares, and of values within [low, high].

    Args:
        signal: (K, C, padded H).
        weights: of the rows (C,); rows of weight 0 are skipped.
        low, high: the range in which the activation has a slope.
        sums: (K, 3) float64; the sums are added to it.
        alive: (K, H); the weight of rows in which a unit is within [low, high] is added to it.
    """
    members, width = alive.shape
    for k in range(members):
        for c in range(len(weights)):
            row, weight = signal[k, c], weights[c]
            if weight == 0:
                continue
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
