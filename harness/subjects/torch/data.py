"""Data as tensors: three splits, each a tuple of tensors whose first dimension is the examples."""

import dataclasses
import hashlib
from collections.abc import Mapping
from copy import copy
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, TypeAlias

from harness.subjects.subject import Data, RunFields
from harness.subjects.user_fields import own_fields
from harness.subjects.user_file import UserFile

if TYPE_CHECKING:
    from torch import Tensor

    from harness.subjects.torch.file import FileSubject

SPLITS = ("train", "dev", "test")
Splits: TypeAlias = "Mapping[str, tuple[Tensor, ...]]"
KEPT = 4  # data sets of different fields in memory


class TensorData(Data, Protocol):
    """What a torch subject is trained on."""

    def splits(self, fields: Any) -> Splits:
        """The tensors of "train", "dev" and "test" for a run of these fields."""


@dataclass(frozen=True)
class FileData:
    """What a user's `data` gives, loaded once a process and set of values that it reads.

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
    _loaded: list[tuple[dict[str, object], Splits]] = field(
        default_factory=list, compare=False, repr=False
    )

    def __reduce__(self) -> tuple[Any, ...]:
        """Pickled without tensors: every process loads them itself."""
        return FileData, (self.path, self.name, self.digest, self.size, self.notes)

    @classmethod
    def load(cls, file: UserFile, fields: RunFields) -> "FileData":
        """The data at the default fields, checked."""
        path = file.path
        read, splits = load_splits(file, fields)
        sizes = ", ".join(f"{len(splits[name][0]):,} {name}" for name in SPLITS)
        found = cls(path, f"data of {path.name}", digest(splits), f"{sizes} examples")
        found._loaded.append((read, splits))
        return found

    def _subject(self) -> "FileSubject":
        """The file as this process imported it."""
        from harness.subjects import find_subject

        return find_subject(str(self.path))  # type: ignore[return-value]

    def splits(self, fields: RunFields) -> Splits:
        """See `TensorData`."""
        subject = self._subject()
        if not self._loaded:  # in another process
            self._load_again(subject)
        own = own_fields(subject.file, fields)
        for read, splits in self._loaded:
            if all(getattr(own, name) == value for name, value in read.items()):
                return splits
        entry = load_splits(subject.file, fields)
        self._loaded.insert(0, entry)
        del self._loaded[KEPT:]
        return entry[1]

    def _load_again(self, subject: "FileSubject") -> None:
        """Load the data at the default fields; runs are identified by them.

        Raises:
            UserError: they are other data than in the process that loaded them first.
        """
        again = FileData.load(subject.file, subject.defaults)
        if again.digest != self.digest:
            raise subject.file.refuse(
                "data(fields) must give the same in every process",
                "other tensors in a worker",
                "Sort what comes from a set, draw from a generator of its own, and leave the files "
                "that it reads as they are.",
            )
        self._loaded.extend(again._loaded)

    def examples(self, fields: RunFields, seed: int) -> int:  # noqa: ARG002 - one split for all
        """How many training examples there are."""
        return len(self.splits(fields)["train"][0])

    def facts(self, fields: RunFields) -> dict[str, str | float]:
        """Name, digest and sizes."""
        sizes = {f"examples/{name}": len(parts[0]) for name, parts in self.splits(fields).items()}
        return {"name": self.name, "source": self.path.name, "digest": self.digest, **sizes}


def digest(splits: Splits) -> str:
    """A hash of all tensors of the splits, with their types and shapes."""
    whole = hashlib.sha256()
    for name in SPLITS:
        for tensor in splits[name]:
            whole.update(str((name, tensor.dtype, tuple(tensor.shape))).encode())
            whole.update(tensor.contiguous().numpy().tobytes())
    return whole.hexdigest()


def load_splits(file: UserFile, fields: RunFields) -> tuple[dict[str, object], Splits]:
    """What the file's `data` gives for these fields, after the values of the fields it reads.

    Raises:
        UserError: it fails, or gives something else than the contract says.
    """
    import torch

    rule = "data(fields) must give tuples of tensors for train, dev and test"
    watched, read = watching(own_fields(file, fields))
    found = file.call("data(fields)", lambda: file.module.data(watched))
    if not isinstance(found, dict) or not set(SPLITS) <= found.keys():
        keys = sorted(map(str, found)) if isinstance(found, dict) else type(found).__name__
        raise file.refuse(rule, keys, 'Return {"train": (x, y), "dev": …, "test": …}.')
    for name in SPLITS:
        parts = found[name]
        tensors = isinstance(parts, tuple) and all(isinstance(p, torch.Tensor) for p in parts)
        if not tensors or not parts or any(p.dim() == 0 for p in parts):
            kinds = ", ".join(type(p).__name__ for p in parts) if isinstance(parts, tuple) else ""
            received = f"{name}: {type(parts).__name__}{f' of {kinds}' if kinds else ''}"
            raise file.refuse(rule, received, "Return tuples of tensors with one row per example.")
        if len({len(part) for part in parts}) > 1 or not len(parts[0]):
            sizes = ", ".join(str(len(part)) for part in parts)
            raise file.refuse(
                "the tensors of a split must have the same number of examples, one or more",
                f"{name}: {sizes or 'none'}",
                "Their first dimension is the examples.",
            )
        if name == "train" and len(parts[0]) < 2:
            rule = "the training split must have two examples or more"
            raise file.refuse(rule, "1", "Minibatches are drawn from them.")
        for part in parts:
            file.call("data(fields), as NumPy arrays,", part.detach().numpy)
            if part.is_floating_point() and not part.isfinite().all():
                raise file.refuse("data must be finite", f"NaN or infinity in {name}", "Clean it.")
    return read, {name: tuple(part.detach() for part in found[name]) for name in SPLITS}


def watching(own: Any) -> tuple[Any, dict[str, object]]:
    """A file's `Fields` that keep account of which of their values are read.

    Returns:
        The fields, and the values read so far by name, which grow as they are used.
    """
    values = {entry.name: getattr(own, entry.name) for entry in dataclasses.fields(own)}
    read: dict[str, object] = {}

    class Watched(type(own)):  # type: ignore[misc]  # the user's class, known at run time only
        __slots__ = ()

        def __getattribute__(self, name: str) -> Any:
            value = super().__getattribute__(name)
            if name in values:
                read[name] = value
            elif name == "__dict__" or not (name.startswith("__") or callable(value)):
                read.update(values)  # what follows from the values in a way that is not seen
            return value

    watched = copy(own)
    object.__setattr__(watched, "__class__", Watched)
    return watched, read
