"""What theory and the lectures predict, and where each prediction applies.

Every prediction names the cells it is about (a condition on a run's fields), the mode it is
measured in, the value and a tolerance, all fixed beforehand; one that applies to no cell of a study
is left out. "init" is training mode on the first minibatch, "final" eval mode on a whole split.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from math import log

from harness.analysis.frames import StudyData
from harness.fields import Fields

Cells = Callable[[Fields], bool]

COMPUTED = "computed for these sizes"
YANG = "Yang et al. 2019"


@dataclass(frozen=True)
class Prediction:
    """A number that a study should find if the field has it right.

    Attributes:
        id: short name.
        says: the prediction in words.
        source: whose it is.
        mode: what it is measured on.
        cells: whether it is about runs of these fields.
        quantity: a response's name, "saturation of layer 2", "saturation of layers 2 and up", or
            "gradient growth from layer 5".
        expected: the value, in the quantity's unit.
        tolerance: how far off still agrees.
        minus: where given, it is about the difference between `cells` and these.
        at_least: it is a floor under the lowest cell rather than a value.
    """

    id: str
    says: str
    source: str
    mode: str
    cells: Cells
    quantity: str
    expected: float
    tolerance: float
    minus: Cells | None = None
    at_least: bool = False


def predictions(data: StudyData) -> list[Prediction]:
    """All predictions that can be put, given what is known of the data."""
    found = [*_saturation_with_norm(), *_saturation_without_norm(), *_gradients()]
    if data.facts.get("vocabulary") == "27":
        found += _initial_losses()
    if "entropy/context" in data.facts and "context" not in data.study.factors:
        found.append(_floor(float(data.facts["entropy/context"])))
    return found


def of_the_lectures(fields: Fields) -> bool:
    """Whether sizes and activation are the lectures', which the numbers were worked out for."""
    sizes = (fields.width, fields.context, fields.embedding, fields.batch, fields.activation)
    return sizes == (100, 3, 10, 32, "tanh") and not fields.residual


def with_norm(fields: Fields) -> bool:
    """BatchNorm after every Linear, the last included."""
    return of_the_lectures(fields) and fields.norm == fields.output_norm == "batch"


def without_norm(init: str, gain: float | None = None) -> Cells:
    """No norm anywhere, this init and, where one is given, about this gain."""
    return lambda f: (
        of_the_lectures(f)
        and (f.norm, f.output_norm, f.init) == ("none", "none", init)
        and (gain is None or abs(f.gain - gain) < 0.01)
    )


def _scaled(cells: Cells, scale: float, fewest_layers: int = 1) -> Cells:
    return lambda f: cells(f) and f.output_scale == scale and f.depth >= fewest_layers


def _initial_losses() -> Iterator[Prediction]:
    cases = (
        ("norm-1", "with BatchNorm, output scale 1", with_norm, 1.0, 1, 0.47, 0.05),
        ("norm-0.1", "with BatchNorm, output scale 0.1", with_norm, 0.1, 1, 0.005, 0.005),
        ("gain-1", "without norm, gain 5/3, output scale 1", without_norm("kaiming", 5 / 3),
         1.0, 5, 0.21, 0.05),
        ("gain-0.1", "without norm, gain 5/3, output scale 0.1", without_norm("kaiming", 5 / 3),
         0.1, 5, 0.002, 0.005),
    )  # fmt: skip
    for name, words, cells, scale, layers, excess, tolerance in cases:
        yield Prediction(
            f"initial-loss-{name}", f"initial loss {words}: ln 27 + {excess:g}", COMPUTED, "init",
            _scaled(cells, scale, layers), "init/loss", log(27) + excess, tolerance,
        )  # fmt: skip


def _saturation_with_norm() -> Iterator[Prediction]:
    words = (
        "BatchNorm and tanh saturate 3.0 to 3.4 % at init with batches of 32 (3.64 % if infinite)"
    )
    yield Prediction(
        "saturation-norm", words, COMPUTED, "init", with_norm, "init/saturation_mean", 0.032, 0.002
    )
    yield Prediction(
        "norm-ignores-scale", "under BatchNorm naive and Kaiming init start equally saturated",
        "Ioffe & Szegedy 2015", "init", lambda f: with_norm(f) and f.init == "naive",
        "init/saturation_mean", 0.0, 0.001, minus=lambda f: with_norm(f) and f.init == "kaiming",
    )  # fmt: skip


def _saturation_without_norm() -> Iterator[Prediction]:
    series = (
        ("kaiming", 5 / 3, "Kaiming with gain 5/3", (0.209, 0.098, 0.070, 0.060, 0.057), 0.02),
        ("kaiming", 1.0, "Kaiming with gain 1", (0.036, 0.001, 0.0), 0.01),
    )
    for init, gain, words, shares, tolerance in series:
        for layer, share in enumerate(shares, start=1):
            cells = without_norm(init, gain)
            yield Prediction(
                f"saturation-{init}-gain-{gain:.2g}-layer-{layer}",
                f"{words}, no norm: {share:.1%} saturated in layer {layer}", COMPUTED, "init",
                lambda f, cells=cells, layer=layer: cells(f) and f.depth >= layer,  # type: ignore[misc]
                f"saturation of layer {layer}", share, tolerance,
            )  # fmt: skip
    naive = without_norm("naive", 1.0)
    yield Prediction(
        "saturation-naive-layer-1", "naive init, no norm: 70 % saturated at fan-in 30 (layer 1)",
        COMPUTED, "init", naive, "saturation of layer 1", 0.70, 0.03,
    )  # fmt: skip
    yield Prediction(
        "saturation-naive-deeper",
        "naive init, no norm: 83 % saturated at fan-in 100 (layers 2 and up)",
        COMPUTED, "init", lambda f: naive(f) and f.depth >= 2, "saturation of layers 2 and up",
        0.83, 0.03,
    )  # fmt: skip


def _gradients() -> Iterator[Prediction]:
    yield Prediction(
        "growth-norm", "with BatchNorm and tanh gradients grow ×1.085 a layer, backwards", YANG,
        "init", lambda f: with_norm(f) and f.depth >= 5, "init/gradient_growth", 1.085, 0.03,
    )  # fmt: skip
    cells = without_norm("kaiming", 5 / 3)
    yield Prediction(
        "growth-gain", "without norm, gain 5/3, gradients grow ×1.10 a layer from layer 5 on",
        COMPUTED,
        "init", lambda f: cells(f) and f.depth >= 10, "gradient growth from layer 5", 1.10, 0.03,
    )  # fmt: skip


def _floor(entropy: float) -> Prediction:
    return Prediction(
        "entropy-floor", "no network has a train loss below the entropy given its context",
        "information theory", "final", lambda f: f.train_words == "all", "final/train_loss",
        entropy, 0.0, at_least=True,
    )  # fmt: skip
