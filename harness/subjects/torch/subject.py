"""A user's model file as a subject."""

from collections.abc import Iterator, Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

from harness.errors import UserError
from harness.subjects.figures import CurveFigure, Figure, LayerFigure, WeightFigure
from harness.subjects.subject import (
    Cost,
    Curve,
    Members,
    Response,
    RunFields,
    SampleRequest,
    State,
    Subject,
    Trained,
)
from harness.subjects.torch.contract import load_user_file, merged_fields
from harness.subjects.torch.data import TorchData
from harness.subjects.torch.fields import TorchFields
from harness.subjects.trace import Trace

SPLITS = ("train", "dev", "test")
WORK_PER_PARAMETER = 6  # multiplications of a step for each parameter and example, about


class FileSubject(Subject):
    """What a user's file defines; see `harness.subjects.subject.Subject` and `contract`.

    Args:
        path: the file.
    """

    primary = "final/dev_loss"
    layers = ("mean", "std", "flat", "gradient_std")
    weights = ("update_data",)

    def __init__(self, path: str) -> None:
        self.path = path
        self.file = load_user_file(Path(path))
        self.name, self.version = self.file.name, self.file.version
        self.Fields: type[RunFields] = merged_fields(self.file)

    def __reduce__(self) -> tuple[Any, ...]:
        """Pickled by its path: other processes import the file themselves."""
        from harness.subjects import find_subject

        return find_subject, (self.path,)

    @cached_property
    def metrics(self) -> tuple[str, ...]:
        """Names of the file's metrics, from a trial on two examples at the default fields."""
        if not self.file.has("metrics"):
            return ()
        from harness.subjects.torch.trial import metric_names

        return metric_names(self.file, self._defaults)

    @property
    def _defaults(self) -> TorchFields:
        defaults = self.Fields()
        assert isinstance(defaults, TorchFields)  # noqa: S101 - as `merged_fields` makes them
        return defaults

    @cached_property
    def responses(self) -> Mapping[str, Response]:  # type: ignore[override]
        """Losses and metrics over whole splits, and what the loss was at first and last."""
        found = [
            *(_final(split, "loss", {}) for split in SPLITS),
            Response("final/gap", "dev − train loss", "what is lost on unseen examples",
                     lambda run: float(run.last("final_dev_loss") - run.last("final_train_loss"))),
            *(_final(split, metric, self._said(metric))
              for metric in self.metrics for split in SPLITS),
            Response("last/batch_loss", "minibatch loss", "mean of the last minibatches",
                     lambda run: float(run.at("loss", run.steps - 1))),
            Response("init/loss", "initial loss", "of the first minibatch",
                     lambda run: float(run.at("train/loss", 0))),
        ]  # fmt: skip
        return {response.name: response for response in found}

    def _said(self, metric: str) -> dict[str, Any]:
        """What the file says of a metric."""
        said: dict[str, Any] = getattr(self.file.module, "METRICS", {}).get(metric, {})
        return said

    @cached_property
    def curves(self) -> Mapping[str, Curve]:  # type: ignore[override]
        """The losses, the metrics on the dev split, and the median update:data ratio."""
        metrics = {f"eval/dev_{name}": Curve(f"dev {name}", charted=True) for name in self.metrics}
        return {
            "train/loss": Curve("train loss", charted=True),
            "eval/dev_loss": Curve("dev loss", charted=True),
            **metrics,
            "diag/update_data": Curve("log10 update:data", charted=True),
        }

    @property
    def headline(self) -> Sequence[str]:  # type: ignore[override]
        """Losses, then metrics on the dev split."""
        return ["final/train_loss", "final/dev_loss", "final/test_loss",
                *(f"final/dev_{name}" for name in self.metrics)]  # fmt: skip

    @property
    def figures(self) -> Sequence[Figure]:  # type: ignore[override]
        """Curves, layers and weights of whatever modules there are."""
        return FIGURES

    def load(self, source: str | None, folder: Path) -> TorchData:  # noqa: ARG002 - the file's own
        """The data that the file gives.

        Raises:
            UserError: other data are named: a file's data are its own.
        """
        if source is not None:
            raise UserError(
                f"the data of {self.file.path.name} are what its data(fields) gives",
                f"data {source!r}",
                "Leave data and --data out (and ABLATE_DATA), or make it a field of the file.",
            )
        return TorchData.load(self.file.path, self._defaults)

    def cost(self, fields: Any, data: Any) -> Cost:
        """Parameters, and a rough guess at the work of a step."""
        from harness.subjects.torch.trial import parameters

        trained = parameters(self.file, fields, data)
        work = WORK_PER_PARAMETER * trained * fields.batch / 1e6
        return Cost(trained, work, memory=4 * trained, largest_stack=1)

    def preload(self) -> None:
        """Load torch and the members' code."""
        import harness.subjects.torch.members  # noqa: F401 - for its imports

    def start(
        self,
        fields: Sequence[Any],
        seeds: Sequence[int],
        data: Any,
        states: Sequence[State] | None = None,
    ) -> Members:
        """See `members.TorchMembers`."""
        from harness.subjects.torch.members import TorchMembers

        return TorchMembers(self.file, fields, seeds, data, states)

    def caveats(self, varied: set[str], variants: Sequence[Any]) -> Sequence[str]:  # noqa: ARG002
        """What the design cannot tell."""
        found = ["The split of the data is fixed: intervals are about seeds, not data."]
        if "lr" not in varied:
            found.append("One learning rate for all: variants may differ in what suits them.")
        return found

    def inspect(self, run: Trained) -> Iterator[str]:
        """What was measured last, layer by layer and weight by weight."""
        for series in (*self.layers, *self.weights):
            rows = run.trace[run.trace["series"] == series]
            if len(rows):
                last = rows[rows["step"] == rows["step"].max()]
                yield f"\n{series}, step {int(last['step'].iloc[0]):,}"
                width = last["name"].str.len().max()
                yield from (
                    f"  {name:{width}}  {value:.4g}"
                    for name, value in zip(last["name"], last["value"], strict=True)
                )

    def sample(self, run: Trained, request: SampleRequest) -> list[str] | None:
        """What the file's `sample` writes with a trained run; None where it has none."""
        if not self.file.has("sample"):
            return None
        from harness.subjects.torch.trial import samples

        return samples(self.file, run, request)


def _final(split: str, metric: str, said: dict[str, Any]) -> Response:
    cap = said.get("cap")
    return Response(
        f"final/{split}_{metric}", f"{split} {said.get('label', metric)}", f"over the {split} split",  # noqa: E501
        lambda run: _number(run, f"final_{split}_{metric}"),
        unit=said.get("unit", ""),
        direction=said.get("direction", "lower" if metric == "loss" else "higher"),
        cap=None if cap is None else (lambda _: float(cap)),
        selects=split != "test",
    )  # fmt: skip


def _number(run: Trace, series: str) -> float:
    return float(run.last(series))


def _layers(name: str, title: str, caption: str, quantity: str, axis: str, *, log: bool) -> Figure:
    return LayerFigure(name, "Inside the model", title, caption, quantity, "last", axis, log=log)


FIGURES: tuple[Figure, ...] = (
    CurveFigure(
        "dev_loss", "Learning curves", "Dev loss while training",
        "Loss over the whole dev split in eval mode, mean over the seeds still training.",
        "eval/dev_loss",
    ),
    CurveFigure(
        "train_loss", "Learning curves", "Training loss from the first step on",
        "Loss on training minibatches, averaged since the point before, against the step on a "
        "logarithmic axis.",
        "train/loss", log_steps=True,
    ),
    _layers("activation_std", "Spread of activations by layer",
            "Standard deviation of the outputs of each activation and norm on the last minibatch, "
            "numbered in the order of the forward pass.", "std", "std of outputs", log=False),
    _layers("gradient_last", "Gradients by layer",
            "Standard deviation of the loss's gradient by the outputs of each activation and norm "
            "on the last minibatch, on a logarithmic axis.",
            "gradient_std", "std of gradient", log=True),
    WeightFigure(
        "update_data", "Inside the model", "Update:data ratio of each weight",
        "log10 of std(update) over std(weight) of each weight matrix, mean over seeds.",
        "update_data", "log10 update:data",
    ),
)  # fmt: skip
