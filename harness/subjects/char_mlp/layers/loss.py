"""The cross-entropy of the next character, stacked; the textbook form is torch's."""

import math

import numpy as np

from harness.subjects.char_mlp.layers.functions import fast_exp
from harness.subjects.char_mlp.layers.kernels import Array, row_kernel


@row_kernel
def cross_entropy_step(
    logits: Array, vocabulary: int, targets: Array, lr: Array, loss: Array, gradient: Array
) -> None:
    """Each member's mean loss, and the gradient of its logits times its learning rate.

    The learning rate is applied here, where the gradient is smallest. All gradients computed from
    this one are therefore the steps that an update subtracts.

    Args:
        logits: (K, B, padded V).
        vocabulary: V.
        targets: character numbers (K, B).
        lr: (K,).
        loss: output (K,) float64, nats.
        gradient: output (K, B, padded V).
    """
    members, rows = targets.shape
    for k in range(members):
        scale = lr[k] / rows
        total = 0.0
        for b in range(rows):
            row, out, highest = logits[k, b], gradient[k, b], logits[k, b, 0]  # rows (V,)
            for v in range(vocabulary):
                highest = max(highest, row[v])
            for v in range(vocabulary):
                out[v] = fast_exp(row[v] - highest)
            mass = row.dtype.type(0)
            for v in range(vocabulary):
                mass += out[v]
            share = row.dtype.type(scale) / mass
            for v in range(vocabulary):
                out[v] *= share
            out[targets[k, b]] -= row.dtype.type(scale)
            total += math.log(mass) + highest - row[targets[k, b]]
        loss[k] = total / rows


@row_kernel
def cross_entropy_counts(logits: Array, counts: Array, totals: Array) -> None:
    """Add each member's loss, summed over all examples with these contexts.

    Args:
        logits: (K, C, padded V), one row per context.
        counts: (C, S, V), how often each character follows a context in each of S splits.
        totals: (K, S) float64, nats; the sums are added to it.
    """
    contexts, splits, vocabulary = counts.shape
    odds = np.empty(vocabulary, logits.dtype)
    for k in range(logits.shape[0]):
        for c in range(contexts):
            row, highest = logits[k, c], logits[k, c, 0]
            for v in range(vocabulary):
                highest = max(highest, row[v])
            for v in range(vocabulary):
                odds[v] = fast_exp(row[v] - highest)
            mass = 0.0
            for v in range(vocabulary):
                mass += odds[v]
            surprise = math.log(mass)
            for s in range(splits):
                followers, score = 0.0, 0.0
                for v in range(vocabulary):
                    followers += counts[c, s, v]
                    score += counts[c, s, v] * (row[v] - highest)
                if followers > 0:  # a context outside the split must not add 0 × NaN
                    totals[k, s] += followers * surprise - score
