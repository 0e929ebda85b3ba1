"""The cross-entropy of the next character, in programs; the textbook form is torch's."""

from typing import Any

import numpy as np

from harness.subjects.char_mlp.layers.compiled import compiled
from harness.subjects.char_mlp.layers.functions import exp, log
from harness.subjects.char_mlp.layers.lanes import (
    LANES,
    broadcast,
    double,
    fma,
    lane,
    larger,
    put,
    take,
    total,
    where_positive,
    with_lane,
)
from harness.subjects.char_mlp.layers.parts import LOSS, Array, Part


@Part
def cross_entropy(n: Array, p: Array, z: Array, x: Array, s: Array) -> None:
    """The mean loss (`LOSS`), and the gradient z[gradient] of the logits, both (V, batch).

    Rows V and V + 1 of the gradient hold each example's sum of exponentials and largest logit.
    """
    examples, batch, vocabulary, logits = n[1], n[2], n[3], n[4]
    gradient, targets = n[5], n[6]  # the latter in the minibatch
    mass_row, top_row = gradient + vocabulary * batch, gradient + (vocabulary + 1) * batch
    for b in range(0, batch, LANES):
        top = take(z, logits + b)
        for v in range(1, vocabulary):
            top = larger(take(z, logits + v * batch + b), top)
        mass = broadcast(z, 0.0)
        for v in range(vocabulary):
            odds = exp(take(z, logits + v * batch + b) - top)
            put(z, gradient + v * batch + b, odds)
            mass = mass + odds
        share = broadcast(z, 1.0 / examples) / mass
        for v in range(vocabulary):
            put(z, gradient + v * batch + b, take(z, gradient + v * batch + b) * share)
        put(z, mass_row + b, mass)
        put(z, top_row + b, top)
    one = broadcast(z, 1.0 / examples)
    loss = 0.0
    for b in range(examples):
        place = x[targets + b] * batch + b
        z[gradient + place] = z[gradient + place] - lane(one, 0)
        highest, logit = np.float64(z[top_row + b]), np.float64(z[logits + place])
        loss += log(np.float64(z[mass_row + b])) + (highest - logit)
    s[LOSS] = loss / examples


@compiled
def add_losses(z: Array, logits: int, batch: int, counts: Array, totals: Array) -> None:
    """Add a member's loss, summed over all examples with these contexts, split by split.

    Args:
        z: memory of a member, with its logits (V, batch) from `logits` on, a column a context.
        counts: how often each character follows a context in each of S splits, (S, V, batch).
        totals: (S,) float64, nats; the sums are added to it.
    """
    splits, vocabulary, _ = counts.shape
    flat = counts.reshape(counts.size)
    for b in range(0, batch, LANES):
        top, surprise = largest_and_log_mass(z, logits + b, batch, vocabulary)
        for split in range(splits):
            followers, score = broadcast(0.0, 0.0), broadcast(0.0, 0.0)
            for v in range(vocabulary):
                often = take(flat, (split * vocabulary + v) * batch + b)
                followers = followers + often
                score = fma(often, double(take(z, logits + v * batch + b) - top), score)
            # a context outside the split must not add 0 × NaN
            loss = where_positive(followers, followers * surprise - score)
            totals[split] += total(loss)


@compiled
def write_losses(z: Array, logits: int, batch: int, losses: Array) -> None:
    """Write a member's loss of each character after each context.

    Args:
        z: memory of a member, with its logits (V, batch) from `logits` on, a column a context.
        losses: (V, batch) float64, nats.
    """
    vocabulary, flat = len(losses), losses.reshape(losses.size)
    for b in range(0, batch, LANES):
        top, surprise = largest_and_log_mass(z, logits + b, batch, vocabulary)
        for v in range(vocabulary):
            place = v * batch + b
            put(flat, place, surprise - double(take(z, logits + place) - top))


@compiled
def largest_and_log_mass(z: Array, logits: int, batch: int, vocabulary: int) -> Any:
    """The largest logit of some columns, and the log of the sum of exp(logit - largest).

    Args:
        z: memory with logits (V, batch), of which the columns' first row starts at `logits`.
    """
    top = take(z, logits)
    for v in range(1, vocabulary):
        top = larger(take(z, logits + v * batch), top)
    mass = broadcast(0.0, 0.0)
    for v in range(vocabulary):
        mass = mass + double(exp(take(z, logits + v * batch) - top))
    logs = mass
    for place in range(LANES):
        logs = with_lane(logs, place, log(lane(mass, place)))
    return top, logs
