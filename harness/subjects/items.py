"""What a final response is over each item of a split: the words, images or rows it is a mean over.

Kept as one file of a run, if its subject gives it, so that a report can say how much a comparison
owes to the items that happen to be in the split.
"""

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np
from safetensors import SafetensorError
from safetensors.numpy import load, save

from harness.subjects.subject import Array

ITEMS = "items.safetensors"  # relative to a run's files
SIZE = "/size"  # after a name, of the array that holds the items' sizes


class Items(NamedTuple):
    """A response over the items of a split, in the split's order.

    Attributes:
        means: the mean over each item (W,).
        sizes: how many values each is the mean of (W,).
    """

    means: Array
    sizes: Array


def pack_items(found: Mapping[str, Items]) -> bytes:
    """The file of a run.

    Args:
        found: by the response's name without "final/", such as "dev_loss".
    """
    means = {name: items.means.astype(np.float32) for name, items in found.items()}
    sizes = {f"{name}{SIZE}": items.sizes.astype(np.int32) for name, items in found.items()}
    return save(means | sizes)


def unpack_items(payload: bytes) -> dict[str, Items]:
    """What `pack_items` packed.

    Raises:
        ValueError: the bytes are damaged.
    """
    try:
        arrays = load(payload)
        return {
            name: Items(array.astype(np.float64), arrays[f"{name}{SIZE}"].astype(np.float64))
            for name, array in arrays.items()
            if not name.endswith(SIZE)
        }
    except (SafetensorError, KeyError) as error:
        raise ValueError(f"no readable items: {error}") from None
