"""What flows from a trainer to the tracker: records while a run trains, a result when it ends."""

import json
from dataclasses import dataclass, fields
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
from safetensors.numpy import load, save

from harness.history import History

Outcome = Literal["finished", "diverged"]


@dataclass(frozen=True)
class Record:
    """One step's measurements of one run, for the curves that grow while it trains.

    Attributes:
        key: the run's identity.
        step: the step they belong to, counted from 0.
        values: metric name to value; finite numbers only.
    """

    key: str
    step: int
    values: dict[str, float]


@dataclass(frozen=True)
class Checkpoint:
    """A stack's whole state after some step, enough to go on bit for bit.

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
        history: everything measured.
        weights: the network's final state by name, as `harness.network.MLP.state` names it.
        samples: names sampled from the trained network; none from a diverged one.
        facts: what else is known: "minibatches" (hash of the minibatches' order), "seconds" (its
            share of the training time), "diverged_step" and "diverged_cause" where it did.
    """

    key: str
    outcome: Outcome
    history: History
    weights: dict[str, npt.NDArray[Any]]
    samples: list[str]
    facts: dict[str, str | int | float]

    def to_bytes(self) -> bytes:
        """The result as safetensors bytes: no pickle, exact to the bit."""
        tensors = {f"history/{name}": array for name, array in arrays(self.history).items()}
        tensors |= {f"weights/{name}": np.ascontiguousarray(a) for name, a in self.weights.items()}
        rest = {"key": self.key, "outcome": self.outcome, "steps": self.history.steps,
                "samples": self.samples, "facts": self.facts}  # fmt: skip
        return save(tensors, metadata={"result": json.dumps(rest)})

    @classmethod
    def from_bytes(cls, payload: bytes) -> "Result":
        """The result that `to_bytes` wrote.

        Raises:
            ValueError: the bytes are damaged or something else.
        """
        tensors, rest = unpack(payload, "result")
        measured = {name.removeprefix("history/"): array
                    for name, array in tensors.items() if name.startswith("history/")}  # fmt: skip
        weights = {name.removeprefix("weights/"): array
                   for name, array in tensors.items() if name.startswith("weights/")}  # fmt: skip
        history = History(steps=rest.pop("steps"), **measured)
        return cls(history=history, weights=weights, **rest)


Event = Record | Checkpoint | Result


def arrays(history: History) -> dict[str, npt.NDArray[np.float64]]:
    """The measured arrays by name."""
    return {f.name: getattr(history, f.name) for f in fields(history) if f.name != "steps"}


def unpack(payload: bytes, entry: str) -> tuple[dict[str, npt.NDArray[Any]], dict[str, Any]]:
    """The tensors of safetensors bytes, and one JSON entry of their metadata.

    Raises:
        ValueError: the bytes are damaged or something else.
    """
    try:
        header = json.loads(payload[8 : 8 + int.from_bytes(payload[:8], "little")])
        return load(payload), json.loads(header["__metadata__"][entry])
    except Exception as error:  # safetensors, JSON and key errors alike mean: not ours, or damaged
        raise ValueError(f"no readable {entry}: {error}") from None
