"""Losses and activations in eval mode over whole splits, on distinct contexts weighted by counts.

A split has about thirty times fewer distinct contexts than examples, and equal contexts give equal
outputs. So each context is computed once and weighted by its number of examples.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from harness.subjects.char_mlp import layers
from harness.subjects.char_mlp.layers.compiled import compiled
from harness.subjects.char_mlp.layers.lanes import (
    LANES,
    between,
    broadcast,
    double,
    fma,
    take,
    total,
    where_positive,
)
from harness.subjects.char_mlp.layers.loss import add_losses, write_losses
from harness.subjects.char_mlp.layers.parts import Array, padded
from harness.subjects.char_mlp.programs import Evaluation
from harness.subjects.char_mlp.stacked import StackedMLP
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
        blocks = in_blocks(distinct)
        count, columns, _ = blocks.shape
        counts = np.zeros((count, len(splits), splits[0].counts.shape[1], columns))
        ends = np.cumsum([len(split.contexts) for split in splits])[:-1]
        for number, (split, where) in enumerate(zip(splits, np.split(places, ends), strict=True)):
            counts[where // columns, number, :, where % columns] = split.counts
        return cls(blocks, counts)


def in_blocks(contexts: Array) -> Array:
    """Contexts (C, context) in blocks of equal size, the last padded with zeros."""
    count = math.ceil(len(contexts) / LARGEST_BLOCK)
    columns = padded(math.ceil(len(contexts) / count))
    filled = np.zeros((count * columns, contexts.shape[1]), np.int64)
    filled[: len(contexts)] = contexts
    return filled.reshape(count, columns, -1)


def split_loss(
    stack: StackedMLP, contexts: Sequence[Contexts], stats: "ActivationStats | None" = None
) -> Array:
    """Each member's mean loss over each split in eval mode, nats (K, S).

    Args:
        stack: the members.
        contexts: the splits of each.
        stats: accumulates the hidden layers' outputs, if given.
    """
    totals = np.zeros((stack.count, contexts[0].counts.shape[1]))
    sizes = np.array([mine.counts.sum(axis=(0, 2, 3)) for mine in contexts])  # whole numbers: exact
    for k, mine in enumerate(contexts):
        for block, counts in zip(mine.blocks, mine.counts, strict=True):
            found = stack.evaluate(k, block)
            add_losses(found.z, found.logits, found.batch, counts, totals[k])
            if stats:
                stats.add(k, found, counts)
    mean: Array = totals / sizes
    return mean


@dataclass(frozen=True)
class Words:
    """The words of a split, with the context and the character of each of their N examples.

    Attributes:
        blocks: the distinct contexts (blocks, C, context).
        places: of each example's context among these (N,).
        targets: the character that follows (N,).
        sizes: examples of each word (W,): its characters and the boundary.
    """

    blocks: Array
    places: Array
    targets: Array
    sizes: Array

    @classmethod
    @lru_cache(maxsize=32)
    def of(cls, split: Split) -> "Words":
        """Those of a split, in its order."""
        distinct, places = np.unique(split.X, axis=0, return_inverse=True)
        (ends,) = np.nonzero(split.Y == 0)  # the boundary, which ends every word
        return cls(in_blocks(distinct), places, split.Y, np.diff(ends, prepend=-1))

    def losses(self, stack: StackedMLP, k: int) -> Array:
        """A member's mean loss over each word in eval mode, nats (W,)."""
        count, columns, _ = self.blocks.shape
        found = np.zeros((count, stack.network.vocabulary, columns))
        for block, losses in zip(self.blocks, found, strict=True):
            there = stack.evaluate(k, block)
            write_losses(there.z, there.logits, there.batch, losses)
        each = found[self.places // columns, self.targets, self.places % columns]  # (N,)
        words = np.repeat(np.arange(len(self.sizes)), self.sizes)  # (N,)
        mean: Array = np.bincount(words, weights=each) / self.sizes
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
        depth, count, width = len(stack.network.hidden), stack.count, stack.fields.width
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
        std = np.sqrt(np.maximum(square - mean**2, 0))
        dead = (self._alive == 0).sum(axis=2) / width
        return np.stack([mean, std, beyond, dead], axis=2)  # (K, L, 4)


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
        added, squares, inside = broadcast(0.0, 0.0), broadcast(0.0, 0.0), broadcast(0.0, 0.0)
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
