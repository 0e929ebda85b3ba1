"""What a user's training loop is given: its fields, its seed, and a place to save its state."""

import json
from collections.abc import Mapping
from copy import deepcopy
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from harness.subjects.subject import State, can_be_kept

TEXT = "json"  # the array that holds what is no array, as UTF-8
ARRAY = "\0array"  # key of an array's path in it


@dataclass
class LoopRun:
    """One run of a user's loop.

    Attributes:
        fields: the file's own `Fields`.
        seed: the block. Draw everything random from it, so that variants of a seed can be paired.
        steps: how many steps to train.
        batch: examples in a minibatch.
    """

    fields: Any
    seed: int
    steps: int
    batch: int
    _saved: dict[str, Any] | None = field(default=None, repr=False)

    def rows(self, step: int, examples: int) -> npt.NDArray[np.int64]:
        """Which of so many examples make the minibatch of a step: equal for all variants of a seed.

        They depend on seed and step alone, so a resumed loop needs no state for them.
        """
        return np.random.default_rng([self.seed, step]).integers(examples, size=self.batch)

    def save(self, state: Mapping[str, Any]) -> None:
        """Keep a copy of what the loop needs to go on from here.

        Args:
            state: by name, arrays of numbers of 8 bytes at most (which come back as NumPy's), or
                whatever JSON can hold: numbers, texts, the dictionary that is the state of a NumPy
                generator.
        """
        self._saved = deepcopy(dict(state))

    def restore(self) -> dict[str, Any] | None:
        """What was saved last, where the run was interrupted after that; else None."""
        return deepcopy(self._saved)


def to_arrays(state: Mapping[str, Any]) -> State:
    """A nested dictionary as arrays: its NumPy arrays by path, all else as JSON.

    Raises:
        TypeError: it holds something that is neither, or an array of what is no number.
    """
    arrays: State = {}

    def without_arrays(value: Any, path: str) -> Any:
        if hasattr(value, "__array__") and not isinstance(value, np.generic):
            arrays[path] = np.asarray(value)
            if not can_be_kept(arrays[path]):
                raise TypeError(f"no checkpoint can hold {path[1:]}, of {arrays[path].dtype}")
            return {ARRAY: path}
        if isinstance(value, Mapping):
            return {str(key): without_arrays(one, f"{path}/{key}") for key, one in value.items()}
        return value.item() if isinstance(value, np.generic) else value

    text = json.dumps(without_arrays(state, ""))
    return {**arrays, TEXT: np.frombuffer(text.encode(), np.uint8)}


def from_arrays(arrays: State) -> dict[str, Any]:
    """The dictionary that `to_arrays` took; an empty one where there are no arrays."""
    if TEXT not in arrays:
        return {}

    def with_arrays(value: Any) -> Any:
        if isinstance(value, dict) and ARRAY in value:
            return np.array(arrays[value[ARRAY]])
        if isinstance(value, dict):
            return {key: with_arrays(one) for key, one in value.items()}
        return value

    found: dict[str, Any] = with_arrays(json.loads(arrays[TEXT].tobytes()))
    return found
