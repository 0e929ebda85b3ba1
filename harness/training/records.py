"""What flows from a trainer to the store: records while a run trains, a result when it ends."""

import json
from dataclasses import dataclass
from typing import Any

import numpy as np
from safetensors.numpy import load, save

from harness.subjects.subject import Array, Outcome
from harness.subjects.trace import Trace


@dataclass(frozen=True)
class Record:
    """One step's measurements of one run, for the curves that grow while it trains.

    Attributes:
        key: the run's identity.
        step: the step they belong to, counted from 0.
        values: metric name to value; finite numbers only.
        began: when training began, ms since 1970; 0 where that is not known.
    """

    key: str
    step: int
    values: dict[str, float]
    began: int = 0


@dataclass(frozen=True)
class Checkpoint:
    """A stack's whole state after some step, enough to continue bit for bit.

    Attributes:
        keys: the members, in stack order.
        step: steps finished.
        payload: safetensors bytes.
    """

    keys: tuple[str, ...]
    step: int
    payload: bytes


@dataclass(frozen=True)
class Result:
    """All that is kept of a run that has ended.

    Attributes:
        key: the run's identity.
        outcome: "finished", or "diverged" when the run stopped being finite.
        trace: everything measured.
        files: what the subject keeps of the run, by relative path: weights, samples.
        facts: what else is known: "minibatches" (hash of the minibatches' order), "seconds" (its
            share of the training time), "diverged_step" and "diverged_cause" where it did.
        began, ended: when training did, ms since 1970; 0 where that is not known. A run that was
            interrupted began when its first part did.
    """

    key: str
    outcome: Outcome
    trace: Trace
    files: dict[str, bytes]
    facts: dict[str, str | int | float]
    began: int = 0
    ended: int = 0

    def to_bytes(self) -> bytes:
        """The result as safetensors bytes: no pickle, exact to the bit."""
        series, arrays = self.trace.to_arrays()
        arrays |= {f"files/{name}": np.frombuffer(payload, np.uint8)
                   for name, payload in self.files.items()}  # fmt: skip
        rest = {"key": self.key, "outcome": self.outcome, "steps": self.trace.steps,
                "series": series, "facts": self.facts,
                "began": self.began, "ended": self.ended}  # fmt: skip
        return pack(arrays, "result", rest)

    @classmethod
    def from_bytes(cls, payload: bytes) -> "Result":
        """The result that `to_bytes` wrote.

        Raises:
            ValueError: the bytes are damaged or something else.
        """
        arrays, rest = unpack(payload, "result")
        files = {name.removeprefix("files/"): array.tobytes()
                 for name, array in arrays.items() if name.startswith("files/")}  # fmt: skip
        trace = Trace.from_arrays(rest.pop("steps"), rest.pop("series"), arrays)
        return cls(trace=trace, files=files, **rest)


Event = Record | Checkpoint | Result


def pack(arrays: dict[str, Array], entry: str, rest: Any) -> bytes:
    """Arrays as safetensors bytes, with one JSON entry in their metadata."""
    # not ascontiguousarray, which gives a single number a dimension
    contiguous = {name: np.asarray(array, order="C") for name, array in arrays.items()}
    return save(contiguous, metadata={entry: json.dumps(rest)})


def unpack(payload: bytes, entry: str) -> tuple[dict[str, Array], Any]:
    """The arrays of safetensors bytes, and one JSON entry of their metadata.

    Raises:
        ValueError: the bytes are damaged or something else.
    """
    try:
        header = json.loads(payload[8 : 8 + int.from_bytes(payload[:8], "little")])
        return load(payload), json.loads(header["__metadata__"][entry])
    except Exception as error:  # safetensors, JSON and key errors alike mean: not ours, or damaged
        raise ValueError(f"no readable {entry}: {error}") from None
