"""Losses and activations in eval mode over whole splits, on distinct contexts weighted by counts.

A split has about thirty times fewer distinct contexts than examples, and equal contexts give equal
outputs. So each context is computed once and weighted by its number of examples.
"""

import math
from dataclasses import dataclass

import numpy as np

from harness.subjects.char_mlp import layers
from harness.subjects.char_mlp.layers.compiled import compiled
from harness.subjects.char_mlp.layers.lanes import (
    LANES,
    between,
    double,
    fma,
    spread,
    take,
    total,
    where_positive,
)
from harness.subjects.char_mlp.layers.loss import add_losses
from harness.subjects.char_mlp.layers.parts import Array, padded
from harness.subjects.char_mlp.stacked import Evaluation, StackedMLP
from harness.subjects.corpus.split import Split

LARGEST_BLOCK = 256  # contexts computed at once: few enough to stay in cache


@dataclass(frozen=True)
class Contexts:
    """The distinct contexts of some splits in blocks of equal size, padded with zero counts.

    Attributes:
        blocks: (blocks, C, context), C a multiple of `LANES`.
        counts: how often each character follows a context in each split (blocks, S, V, C).
    """

    blocks: Array
    counts: Array

    @classmethod
    def of(cls, *splits: Split) -> "Contexts":
        """The blocks of some splits; a context that several have is computed once."""
        every = np.concatenate([split.contexts for split in splits])
        distinct, places = np.unique(every, axis=0, return_inverse=True)
        blocks, context = math.ceil(len(distinct) / LARGEST_BLOCK), distinct.shape[1]
        columns = padded(math.ceil(len(distinct) / blocks))
        filled = np.zeros((blocks * columns, context), np.int64)
        filled[: len(distinct)] = distinct
        counts = np.zeros((blocks, len(splits), splits[0].counts.shape[1], columns))
        ends = np.cumsum([len(split.contexts) for split in splits])[:-1]
        for number, (split, where) in enumerate(zip(splits, np.split(places, ends), strict=True)):
            counts[where // columns, number, :, where % columns] = split.counts
        return cls(filled.reshape(blocks, columns, context), counts)


def split_loss(
    stack: StackedMLP, contexts: Contexts, stats: "ActivationStats | None" = None
) -> Array:
    """Each member's mean loss over each split in eval mode, nats (K, S).

    Args:
        stack: the members.
        contexts: the splits.
        stats: accumulates the hidden layers' outputs, if given.
    """
    totals = np.zeros((stack.count, contexts.counts.shape[1]))
    for k in range(stack.count):
        for block, counts in zip(contexts.blocks, contexts.counts, strict=True):
            found = stack.evaluate(k, block)
            add_losses(found.z, found.logits, found.batch, counts, totals[k])
            if stats:
                stats.add(k, found, counts)
    mean: Array = totals / contexts.counts.sum(axis=(0, 2, 3))  # whole numbers: exact
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
        self._sums = np.zeros((count, depth, 3))  # of values, of squares, of those with a slope
        self._alive = np.zeros((count, depth, width))
        self._weight = np.zeros(count)

    def add(self, k: int, found: Evaluation, counts: Array) -> None:
        """Add a member's hidden outputs for contexts with these counts (S, V, C)."""
        weights = counts[self._split].sum(axis=0)  # (C,)
        low, high = self._activation.sloped
        for number, place in enumerate(found.hidden):
            sums, alive = self._sums[k, number], self._alive[k, number]
            weighted_moments(found.z, place, weights, low, high, sums, alive)
        self._weight[k] += weights.sum()

    def table(self) -> Array:
        """As `diagnostics.activation_table`, over all outputs added (K, L, 4)."""
        width = self._alive.shape[2]
        mean, square, within = np.moveaxis(self._sums / (self._weight * width)[:, None, None], 2, 0)
        beyond = 1 - within if self._activation.saturates else np.full_like(within, np.nan)
        spread = np.sqrt(np.maximum(square - mean**2, 0))
        dead = (self._alive == 0).sum(axis=2) / width
        return np.stack([mean, spread, beyond, dead], axis=2)  # (K, L, 4)


@compiled
def weighted_moments(
    z: Array, at: int, weights: Array, low: float, high: float, sums: Array, alive: Array
) -> None:
    """Add a layer's weighted sums of values, of squares, and of values within [low, high].

    Args:
        z: memory with its outputs (H, C) from `at` on.
        weights: of the columns (C,); columns of weight 0 do not count.
        low, high: the range in which the activation has a slope.
        sums: (3,) float64; the sums are added to it.
        alive: (H,); the weight of columns in which a unit is within [low, high] is added to it.
    """
    columns = len(weights)
    for h in range(len(alive)):
        added, squares, inside = spread(0.0, 0.0), spread(0.0, 0.0), spread(0.0, 0.0)
        for c in range(0, columns, LANES):
            weight = take(weights, c)
            values = where_positive(weight, double(take(z, at + h * columns + c)))
            added = fma(weight, values, added)
            squares = fma(weight * values, values, squares)
            inside = fma(weight, between(values, low, high), inside)
        sums[0] += total(added)
        sums[1] += total(squares)
        sums[2] += total(inside)
        alive[h] += total(inside)
