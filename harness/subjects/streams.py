"""Random streams: an explicit generator for each purpose, never the global one."""

import hashlib
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
