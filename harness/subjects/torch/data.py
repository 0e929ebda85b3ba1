"""The data of a user's file."""

import hashlib
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from harness.errors import UserError
from harness.subjects.torch.contract import load_user_file, own_fields, own_frames
from harness.subjects.torch.fields import TorchFields

if TYPE_CHECKING:
    from torch import Tensor

SPLITS = ("train", "dev", "test")


@dataclass(frozen=True)
class TorchData:
    """What a user's `data` gives, loaded once a process and set of fields.

    Attributes:
        path: the user's file.
        digest: hash of the tensors at the default fields.
        name, size, notes: see `harness.subjects.subject.Data`.
    """

    path: Path
    name: str
    digest: str
    size: str
    notes: tuple[str, ...] = ()
    _loaded: dict[Any, Any] = field(default_factory=dict, compare=False, repr=False)

    def __reduce__(self) -> tuple[Any, ...]:
        """Pickled without tensors: every process loads them itself."""
        return TorchData, (self.path, self.name, self.digest, self.size, self.notes)

    @classmethod
    def load(cls, path: Path, fields: TorchFields) -> "TorchData":
        """The data at the default fields, checked."""
        splits = load_splits(path, fields)
        digest = hashlib.sha256()
        for name in SPLITS:
            for tensor in splits[name]:
                digest.update(str((name, tensor.dtype, tuple(tensor.shape))).encode())
                digest.update(tensor.contiguous().numpy().tobytes())
        sizes = ", ".join(f"{len(splits[name][0]):,} {name}" for name in SPLITS)
        found = cls(path, f"data of {path.name}", digest.hexdigest(), f"{sizes} examples")
        found._loaded[fields.model_dump_json()] = splits
        return found

    def splits(self, fields: TorchFields) -> "dict[str, tuple[Tensor, ...]]":
        """The tensors of each split for a run of these fields."""
        key = fields.model_dump_json()
        if key not in self._loaded:
            self._loaded[key] = load_splits(self.path, fields)
        found: dict[str, tuple[Tensor, ...]] = self._loaded[key]
        return found

    def examples(self, fields: TorchFields) -> int:
        """How many training examples there are."""
        return len(self.splits(fields)["train"][0])

    def facts(self, fields: TorchFields) -> dict[str, str | float]:
        """Name, digest and sizes."""
        sizes = {f"examples/{name}": len(parts[0]) for name, parts in self.splits(fields).items()}
        return {"name": self.name, "source": self.path.name, "digest": self.digest, **sizes}


def load_splits(path: Path, fields: TorchFields) -> "dict[str, tuple[Tensor, ...]]":
    """What the file's `data` gives for these fields.

    Raises:
        UserError: it fails, or gives something else than the contract says.
    """
    import torch

    file = load_user_file(path)
    rule = f"{path.name}: data(fields) must give tuples of tensors for train, dev and test"
    try:
        found = file.module.data(own_fields(file, fields))
    except Exception as error:
        received = own_frames(error, path.resolve().parent)
        raise UserError(f"{path.name}: data(fields) must run", received, "Fix it there.") from None
    if not isinstance(found, dict) or not set(SPLITS) <= found.keys():
        keys = sorted(found) if isinstance(found, dict) else type(found).__name__
        raise UserError(rule, keys, 'Return {"train": (x, y), "dev": …, "test": …}.')
    for name in SPLITS:
        parts = found[name]
        tensors = isinstance(parts, tuple) and all(isinstance(p, torch.Tensor) for p in parts)
        if not tensors or not parts:
            raise UserError(rule, f"{name}: {type(parts).__name__}", "Return tuples of tensors.")
        if len({len(part) for part in parts}) > 1 or not len(parts[0]):
            sizes = ", ".join(str(len(part)) for part in parts)
            raise UserError(
                f"{path.name}: the tensors of a split must hold equally many examples",
                f"{name}: {sizes or 'none'}",
                "Their first dimension is the examples.",
            )
        for part in parts:
            if part.is_floating_point() and not part.isfinite().all():
                raise UserError(
                    f"{path.name}: data must be finite", f"NaN or infinity in {name}", "Clean it."
                )
    return {name: found[name] for name in SPLITS}
