"""The order of minibatches. It depends on the seed alone: all variants of a seed see the same.

Variants with other numbers of training examples or of examples in a minibatch see other ones.
"""

import hashlib
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import torch

from harness.subjects.streams import stream

CHUNK = 500  # steps drawn at once; do not change it: the order of minibatches depends on it

Indices = npt.NDArray[np.int64]


class Minibatches:
    """Which examples each member sees on each step.

    Args:
        seeds: of the members (K).
        examples: number of training examples of each.
        batch: B, examples in a minibatch.
    """

    def __init__(self, seeds: Sequence[int], examples: Sequence[int], batch: int) -> None:
        self._batch = batch
        orders = list(zip(seeds, examples, strict=True))
        self._distinct = list(dict.fromkeys(orders))
        self._place = [self._distinct.index(order) for order in orders]
        self._streams = [stream(seed, "minibatches") for seed, _ in self._distinct]
        self._hashes = [hashlib.sha256() for _ in self._distinct]
        self._drawn = 0
        self._chunk: Indices

    def between(self, first: int, end: int) -> Indices:
        """Indices (n, K, B) of training examples for steps from `first` to before `end`.

        Later calls must not be for earlier steps; one call stays within a chunk of `CHUNK` steps.
        """
        while first >= self._drawn:
            self._draw()
        rows: Indices = self._chunk[first % CHUNK : first % CHUNK + end - first]
        return rows

    def _draw(self) -> None:
        shape = (CHUNK, self._batch)
        drawn = [
            torch.randint(examples, shape, generator=generator).numpy()
            for (_, examples), generator in zip(self._distinct, self._streams, strict=True)
        ]
        for digest, indices in zip(self._hashes, drawn, strict=True):
            digest.update(indices.tobytes())
        self._chunk = np.stack([drawn[place] for place in self._place], axis=1)  # (CHUNK, K, B)
        self._drawn += CHUNK

    def digest(self, k: int, steps: int) -> str:
        """A hash of a member's order; runs with equal seeds and steps have equal hashes.

        It covers whole chunks of steps, up to the one that holds the last of `steps`.
        """
        self.between(steps - 1, steps)  # of a run that resumes after its last step, none is drawn
        return self._hashes[self._place[k]].hexdigest()[:16]
