"""A user's model file as a subject. The file's contract, which stays stable:

- `Fields`: a frozen dataclass of int, float, bool, str or Literal fields, each with a default.
- `data(fields)`: {"train": tensors, "dev": tensors, "test": tensors}, each a tuple of tensors whose
  first dimension is the examples.
- `build(fields)`: the `torch.nn.Module`; torch is seeded by the harness.
- `loss(model, batch)`: unreduced losses of any shape; default: cross-entropy of `model(x)` and y.
- `metrics(model, batch)`: {name: one value an example}, optional; each becomes a response.
- `sample(model, generator)`: a list of texts, optional.
- `METRICS`: {name: {"label", "unit", "direction", "cap"}}, optional; says how metrics are shown.
- `VERSION`: replaces the hash of the file in a run's identity, optional.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from harness.errors import suggest
from harness.subjects.metrics import declared_metrics
from harness.subjects.subject import Facts, RunFields, SampleRequest
from harness.subjects.torch.data import FileData
from harness.subjects.torch.fields import TorchFields
from harness.subjects.torch.subject import Batch, TorchSubject
from harness.subjects.user_fields import merged_fields, own_fields
from harness.subjects.user_file import UserFile, local_files, running

if TYPE_CHECKING:
    from torch import Tensor, nn

T = TypeVar("T")


class FileSubject(TorchSubject):
    """What a user's file defines.

    Args:
        file: with `data` and `build`.
    """

    has_data = True

    def __init__(self, file: UserFile) -> None:
        self.file = file
        self.name, self.version = file.name, file.version
        merged = merged_fields(file, TorchFields)
        self.Fields: type[RunFields] = merged
        self.defaults = merged()
        self._declared = declared_metrics(file)

    def __reduce__(self) -> tuple[Any, ...]:
        """Pickled by its path: other processes import the file themselves."""
        from harness.subjects import find_subject

        return find_subject, (str(self.file.path),)

    def load(self, source: str | None, folder: Path) -> FileData:  # noqa: ARG002 - has its own
        """What the file's `data` gives at the default fields.

        Raises:
            UserError: other data are named: a file's data are its own.
        """
        if source is not None:
            raise self.file.refuse(
                "the file itself must define its data, in data(fields)",
                f"data {source!r}",
                "Leave data and --data out, or make the data a field of the file.",
            )
        return FileData.load(self.file, self.defaults)

    def build(self, fields: Any, facts: Facts) -> nn.Module:  # noqa: ARG002
        """The file's module.

        Raises:
            UserError: `build` fails, or gives no module.
        """
        from torch import nn

        own = own_fields(self.file, fields)
        model = self.file.call("build(fields)", lambda: self.file.module.build(own))
        if not isinstance(model, nn.Module):
            raise self.file.refuse(
                "build(fields) must return a torch.nn.Module",
                type(model).__name__,
                "Return the model.",
            )
        return model

    def losses(self, model: nn.Module, batch: Batch) -> Tensor:
        """The file's losses, or cross-entropy."""
        from torch.compiler import is_compiling

        # What is compiled cannot ask for the working directory.
        call = self.guarded if is_compiling() else self.file.call
        if self.file.has("loss"):
            found: Tensor = call("loss(model, batch)", lambda: self.file.module.loss(model, batch))
            return found
        return call("the default loss (cross-entropy)", lambda: _entropy(model, batch))

    def metrics(self, model: nn.Module, batch: Batch) -> Mapping[str, Tensor]:
        """The file's metrics."""
        if not self.file.has("metrics"):
            return {}
        found: Mapping[str, Tensor] = self.file.call(
            "metrics(model, batch)", lambda: self.file.module.metrics(model, batch)
        )
        return found

    def write(self, model: nn.Module, facts: Facts, request: SampleRequest) -> list[str] | None:  # noqa: ARG002
        """As many texts as asked for, each call of the file's `sample` giving some.

        Raises:
            UserError: `sample` fails, or gives nothing.
        """
        import torch

        if not self.file.has("sample"):
            return None
        generator = torch.Generator().manual_seed(torch.initial_seed())
        texts: list[str] = []
        while len(texts) < request.count:
            found = self.file.call(
                "sample(model, generator)", lambda: self.file.module.sample(model, generator)
            )
            if not isinstance(found, list) or not found:
                raise self.file.refuse(
                    "sample(model, generator) must return a list of texts",
                    repr(found)[:40],
                    "Return a list of str.",
                )
            texts += [str(text).encode("utf-8", "replace").decode() for text in found]
        return texts[: request.count]

    @cached_property
    def metrics_of_splits(self) -> Sequence[str]:  # type: ignore[override]
        """Names of the file's metrics, from a trial on two examples at the default fields.

        Raises:
            UserError: the trial fails, or `METRICS` declares others.
        """
        names: Sequence[str] = ()
        if self.file.has("metrics"):
            from harness.subjects.torch.check import metric_names

            names = metric_names(self)
        if unknown := sorted(self._declared.keys() - {"loss", *names}):
            raise self.file.refuse(
                "METRICS must be about the loss and what metrics(model, batch) gives",
                repr(unknown[0]),
                suggest(unknown[0], ("loss", *names), "names"),
            )
        return names

    def guarded(self, what: str, function: Callable[[], T]) -> T:
        """What a function gives that runs the file's code, such as its backward pass."""
        with running(f"{self.file.path.name}: {what}", self.file.path.parent):
            return function()

    def code(self, fields: Sequence[Any]) -> Mapping[str, Path]:  # noqa: ARG002 - one file for all
        """The file, and the local modules that it imports."""
        return local_files(self.file.path)

    def declared(self, metric: str) -> Mapping[str, Any]:
        """What the file declares of a metric."""
        return self._declared.get(metric, {})


def _entropy(model: nn.Module, batch: Batch) -> Tensor:
    from torch.nn.functional import cross_entropy

    x, y = batch
    return cross_entropy(model(x), y, reduction="none")
