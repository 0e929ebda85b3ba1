"""Random streams: an explicit generator for each purpose, never the global one."""

import hashlib
import random
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import torch


def stream(seed: int, purpose: str) -> "torch.Generator":
    """A generator for one (seed, purpose): draws for one purpose do not change those for another.

    Args:
        seed: the block.
        purpose: what is drawn: "weights", "minibatches", "samples" and the like.
    """
    import torch

    return torch.Generator().manual_seed(stream_seed(seed, purpose))


def stream_seed(seed: int, purpose: str) -> int:
    """What the generator of a stream starts from; for those who draw without torch."""
    digest = hashlib.sha256(f"{seed}/{purpose}".encode()).digest()
    return int.from_bytes(digest[:8], "big") >> 1


@contextmanager
def seeded(generator: "torch.Generator") -> Iterator[None]:
    """Within the block, torch's, NumPy's and Python's global generators start from a stream.

    For code of others, which draws from them.
    """
    import numpy as np
    import torch

    before = torch.get_rng_state(), np.random.get_state(), random.getstate()
    seed = generator.initial_seed()
    torch.manual_seed(seed)
    np.random.seed(seed % 2**32)
    random.seed(seed)
    try:
        yield
    finally:
        torch_state, numpy_state, python_state = before
        torch.set_rng_state(torch_state)
        np.random.set_state(numpy_state)
        random.setstate(python_state)
