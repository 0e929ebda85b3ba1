"""Any PyTorch model as a subject: what the harness knows of every module."""

from __future__ import annotations

from abc import abstractmethod
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Any, TypeAlias, TypeVar

from harness.subjects.figures import CurveFigure, Figure, LayerFigure, WeightFigure
from harness.subjects.metrics import final_response
from harness.subjects.subject import (
    Array,
    Cost,
    Curve,
    Facts,
    Members,
    Response,
    SampleRequest,
    State,
    Subject,
    Trained,
)
from harness.subjects.torch.data import SPLITS
from harness.subjects.torch.fields import canonical

if TYPE_CHECKING:
    from torch import Tensor, nn


T = TypeVar("T")
Batch: TypeAlias = "tuple[Tensor, ...]"
PAYS = (10_000, 70_000)  # steps from which compiling may save time, and mostly does; see LOG.md
WORK_PER_PARAMETER = 6  # multiplications of a step for each parameter and example, about


class TorchSubject(Subject):
    """A family of modules, each trained alone; see `harness.subjects.subject.Subject`.

    A subclass says what is trained: the model, its losses, and what else is measured.

    Attributes:
        metrics_of_splits: names of what `metrics` gives.
    """

    primary = "final/dev_loss"
    layers = ("mean", "std", "flat", "gradient_std", "attention_entropy")
    weights = ("update_data",)
    metrics_of_splits: Sequence[str] = ()

    @abstractmethod
    def build(self, fields: Any, facts: Facts) -> nn.Module:
        """A new module for runs of these fields, on data with these facts."""

    @abstractmethod
    def losses(self, model: nn.Module, batch: Batch) -> Tensor:
        """The losses of a batch, of any shape; the mean of all batches' is minimised."""

    def metrics(self, model: nn.Module, batch: Batch) -> Mapping[str, Tensor]:  # noqa: ARG002
        """Other quantities of a batch in eval mode, one value an example."""
        return {}

    def guarded(self, what: str, function: Callable[[], T]) -> T:  # noqa: ARG002
        """What a function gives that runs a model's code; a user's errors are told as such."""
        return function()

    def counted(self, batch: Batch) -> Tensor | None:  # noqa: ARG002
        """Which positions of a batch of sequences count (B, T); None where there is no padding."""
        return None

    def write(
        self,
        model: nn.Module,  # noqa: ARG002 - optional, as are the next
        facts: Facts,  # noqa: ARG002
        request: SampleRequest,  # noqa: ARG002
    ) -> list[str] | None:
        """What a trained model writes, by torch's global generator; None where it writes nothing.

        Raises:
            UserError: the request cannot be met.
        """
        return None

    def declared(self, metric: str) -> Mapping[str, Any]:  # noqa: ARG002
        """Label, unit, direction and cap of a metric or of the loss, as far as they are known."""
        return {}

    @cached_property
    def responses(self) -> Mapping[str, Response]:  # type: ignore[override]
        """Losses and metrics over whole splits, and what the loss was at first and last."""
        unit = self.declared("loss").get("unit", "")
        found = [
            *(final_response(f"{split}_{metric}", f"final_{split}_{metric}", metric,
                             self.declared(metric))
              for metric in ("loss", *self.metrics_of_splits)
              for split in ("dev", "train", "test")),
            Response("final/gap", "dev − train loss", "what is lost on unseen examples",
                     lambda run: float(run.last("final_dev_loss") - run.last("final_train_loss")),
                     unit),
            Response("last/batch_loss", "minibatch loss", "mean of the last minibatches",
                     lambda run: float(run.at("loss", run.steps - 1)), unit),
            Response("init/loss", "initial loss", "of the first minibatch",
                     lambda run: float(run.at("train/loss", 0)), unit),
        ]  # fmt: skip
        return {response.name: response for response in found}

    @cached_property
    def curves(self) -> Mapping[str, Curve]:  # type: ignore[override]
        """The losses, the metrics on the dev split, and the median update:data ratio."""
        unit = self.declared("loss").get("unit", "")
        of_loss = f" [{unit}]" if unit else ""
        metrics = {
            f"eval/dev_{name}": Curve(f"dev {name}", charted=True)
            for name in self.metrics_of_splits
        }
        return {
            "train/loss": Curve(f"train loss{of_loss}", charted=True),
            "eval/dev_loss": Curve(f"dev loss{of_loss}", charted=True),
            **metrics,
            "diag/update_data": Curve("log10 update:data", charted=True),
        }

    @property
    def headline(self) -> Sequence[str]:  # type: ignore[override]
        """Losses, then metrics on the dev split."""
        return [*(f"final/{split}_loss" for split in SPLITS),
                *(f"final/dev_{name}" for name in self.metrics_of_splits)]  # fmt: skip

    @property
    def figures(self) -> Sequence[Figure]:  # type: ignore[override]
        """Curves, layers and weights of whatever modules there are."""
        return FIGURES

    def cost(self, fields: Any, data: Any) -> Cost:
        """Parameters, and a rough guess at the work of a step."""
        from harness.subjects.torch.check import parameters

        trained = parameters(self, fields, data)
        work = WORK_PER_PARAMETER * trained * fields.batch / 1e6
        return Cost(trained, work, memory=4 * trained, largest_stack=1)

    def canonical(self, fields: Any) -> Any:
        """See `fields.canonical`."""
        return canonical(fields)

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

        return TorchMembers(self, fields, seeds, data, states)

    def advice(self, fields: Sequence[Any]) -> Sequence[str]:
        """Whether compiling would pay off for the shape that has most steps."""
        steps: Counter[object] = Counter()
        for one in fields:
            steps[one.shape] += one.steps
        most = max(steps.values(), default=0)
        compiled = any(one.compile for one in fields)
        pays = "compile = true saves time from some 10,000 to 70,000 steps of a shape and worker on"
        if compiled and most < PAYS[0]:
            return [f"{pays}: {most:,} are too few"]
        if not compiled and most > PAYS[1]:
            return [f"{pays}: one shape has {most:,}"]
        return ()

    def check(self, fields: Any, data: Any) -> Iterator[str]:
        """See `check.check`."""
        from harness.subjects.torch.check import check

        return check(self, fields, data)

    def caveats(self, varied: set[str], variants: Sequence[Any]) -> Sequence[str]:  # noqa: ARG002
        """What the design cannot tell."""
        found = ["The data split is fixed: intervals cover variation over seeds, not over data."]
        if "lr" not in varied:
            found.append("All variants use one learning rate, but each may need a different one.")
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
        """What a trained run writes; None where the subject writes nothing."""
        from harness.subjects.torch.members import written
        from harness.subjects.torch.saved import saved_model

        return written(self, saved_model(self, run), run.facts, request)

    def predict(self, run: Trained, inputs: Array) -> Array:
        """See `saved.outputs`."""
        from harness.subjects.torch.saved import outputs

        return outputs(self, run, inputs)

    def example_inputs(self, fields: Any, data: Any) -> Array:
        """The first of the dev split's tensors, at two examples."""
        inputs: Array = data.splits(fields)["dev"][0][:2].numpy()
        return inputs


def _layers(name: str, title: str, caption: str, quantity: str, axis: str, *, log: bool) -> Figure:
    return LayerFigure(name, "Inside the model", title, caption, quantity, "last", axis, log=log)


FIGURES: tuple[Figure, ...] = (
    CurveFigure(
        "dev_loss", "Learning curves", "Dev loss while training",
        "Loss over the whole dev split in eval mode, mean over the seeds still training.",
        "eval/dev_loss", response="final/dev_loss",
    ),
    CurveFigure(
        "train_loss", "Learning curves", "Training loss from the first step on",
        "Loss on training minibatches, averaged since the point before, against the step on a "
        "logarithmic axis.",
        "train/loss", log_steps=True,
    ),
    _layers("activation_std", "Spread of activations by layer",
            "Standard deviation of the outputs of each activation and norm on the last minibatch.",
            "std", "std of outputs", log=False),
    _layers("gradient_last", "Gradients by layer",
            "Standard deviation of the loss's gradient by the outputs of each activation and norm "
            "on the last minibatch, on a logarithmic axis.",
            "gradient_std", "std of gradient", log=True),
    LayerFigure(
        "attention_entropy", "Inside the model", "Entropy of attention by layer",
        "Entropy of the outputs of each nn.Softmax on the last minibatch: 0 where all weight is on "
        "one place, ln n where n places have the same.",
        "attention_entropy", "last", "entropy [nats]",
    ),
    WeightFigure(
        "update_data", "Inside the model", "Update:data ratio of each weight",
        "log10 of std(update) over std(weight) of each weight matrix, mean over seeds.",
        "update_data", "log10 update:data",
    ),
)  # fmt: skip
