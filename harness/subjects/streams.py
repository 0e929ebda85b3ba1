"""Random streams: an explicit generator for each purpose, never the global one."""

import hashlib

import torch


def stream(seed: int, purpose: str) -> torch.Generator:
    """A generator for one (seed, purpose): draws for one purpose do not change those for another.

    Args:
        seed: the block.
        purpose: what is drawn: "weights", "minibatches" or "samples".
    """
    digest = hashlib.sha256(f"{seed}/{purpose}".encode()).digest()
    return torch.Generator().manual_seed(int.from_bytes(digest[:8], "big") >> 1)
