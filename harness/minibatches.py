"""The order of minibatches: drawn from the seed alone, so every variant of a seed sees the same."""

import hashlib

import numpy as np
import numpy.typing as npt
import torch

from harness.streams import stream

CHUNK = 500  # steps drawn at once; part of a run's identity, as it may shape the draws

Indices = npt.NDArray[np.int64]


class Minibatches:
    """Which examples each member sees on each step, drawn as it goes.

    Args:
        seeds: of each member (K).
        examples: N, in the training split.
        batch: B, rows of a minibatch.
    """

    def __init__(self, seeds: list[int], examples: int, batch: int) -> None:
        self._examples, self._batch = examples, batch
        self._distinct = list(dict.fromkeys(seeds))
        self._place = [self._distinct.index(seed) for seed in seeds]
        self._streams = [stream(seed, "minibatches") for seed in self._distinct]
        self._hashes = [hashlib.sha256() for _ in self._distinct]
        self._drawn = 0
        self._chunk: Indices

    def at(self, step: int) -> Indices:
        """Indices (K, B) into the training split; steps must be asked for in order.

        The first may be any: what comes before it is drawn and passed over.
        """
        while step >= self._drawn:
            self._draw()
        rows: Indices = self._chunk[step % CHUNK]
        return rows

    def _draw(self) -> None:
        shape = (CHUNK, self._batch)
        drawn = [torch.randint(self._examples, shape, generator=g).numpy() for g in self._streams]
        for digest, indices in zip(self._hashes, drawn, strict=True):
            digest.update(indices.tobytes())
        self._chunk = np.stack([drawn[place] for place in self._place], axis=1)  # (CHUNK, K, B)
        self._drawn += CHUNK

    def digest(self, k: int, steps: int) -> str:
        """A hash of a member's order over so many steps: equal for paired runs of one length."""
        self.at(steps - 1)  # who was resumed at the end has drawn none yet
        return self._hashes[self._place[k]].hexdigest()[:16]
