"""The cross-entropy of the next character, stacked; its textbook form is torch's own."""

import math

import numpy as np

from harness.layers.functions import fast_exp
from harness.layers.kernels import Array, row_kernel


@row_kernel
def cross_entropy_step(
    logits: Array, vocabulary: int, targets: Array, lr: Array, loss: Array, gradient: Array
) -> None:
    """Each member's mean loss, and the gradient by its logits times its learning rate.

    Scaling the gradient here, where it is smallest, makes every later gradient arrive as the
    step to be subtracted.

    Args:
        logits: (K, B, V and the filling).
        vocabulary: V.
        targets: (K, B), character numbers.
        lr: (K,).
        loss: (K,) float64, filled with nats.
        gradient: (K, B, V and the filling), computed.
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
    """Add each member's summed loss over contexts that are followed by many characters.

    Args:
        logits: (K, C, V and the filling), one row a context.
        counts: (C, S, V), how often each character follows in each of S splits.
        totals: (K, S) float64, added to, nats.
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
                if followers > 0:  # else the context is not in the split, finite or not
                    totals[k, s] += followers * surprise - score
