"""What theory and the lectures predict for this network, and where each prediction applies.

Every prediction names the cells it is about (a condition on a run's fields), the response, the
value and a margin, all fixed beforehand; a report leaves out those that apply to none of its cells.
"""

from collections.abc import Callable, Iterator

from harness.subjects.char_mlp.fields import Fields
from harness.subjects.exact import log
from harness.subjects.subject import Facts, Prediction

Cells = Callable[[Fields], bool]

COMPUTED = "computed for these sizes"
YANG = "Yang et al. 2019"


def predictions(facts: Facts) -> list[Prediction]:
    """All predictions that can be made, given what is known of the data."""
    found = [*_saturation_with_norm(), *_saturation_without_norm(), *_gradients()]
    if str(facts.get("vocabulary")) == "27":
        found += _initial_losses()
    if facts.get("entropy/context") and facts.get("context"):
        found.append(_floor(float(facts["entropy/context"]), int(facts["context"])))
    return found


def of_the_lectures(fields: Fields) -> bool:
    """Whether sizes and activation are the lectures', which the numbers were computed for."""
    sizes = (fields.width, fields.context, fields.embedding, fields.batch, fields.activation)
    return sizes == (100, 3, 10, 32, "tanh") and not fields.residual


def with_norm(fields: Fields) -> bool:
    """BatchNorm after every Linear, the last included."""
    return of_the_lectures(fields) and fields.norm == fields.output_norm == "batch"


def without_norm(init: str, gain: float | None = None, fewest_layers: int = 1) -> Cells:
    """No norm anywhere, this init, about this gain where one is given, so many layers or more."""
    return lambda f: (
        of_the_lectures(f)
        and (f.norm, f.output_norm, f.init) == ("none", "none", init)
        and (gain is None or abs(f.gain - gain) < 0.01)
        and f.depth >= fewest_layers
    )


def _scaled(cells: Cells, scale: float) -> Cells:
    return lambda f: cells(f) and f.output_scale == scale


def _initial_losses() -> Iterator[Prediction]:
    plain = without_norm("kaiming", 5 / 3, fewest_layers=5)
    cases = (
        ("norm-1", "with BatchNorm, output scale 1", with_norm, 1.0, 0.47, 0.05),
        ("norm-0.1", "with BatchNorm, output scale 0.1", with_norm, 0.1, 0.005, 0.005),
        ("gain-1", "without norm, gain 5/3, output scale 1", plain, 1.0, 0.21, 0.05),
        ("gain-0.1", "without norm, gain 5/3, output scale 0.1", plain, 0.1, 0.002, 0.005),
    )
    for name, words, cells, scale, excess, margin in cases:
        yield Prediction(
            f"initial-loss-{name}", f"initial loss {words}: ln 27 + {excess:g}", COMPUTED,
            "init/loss", _scaled(cells, scale), float(log(27)) + excess, margin,
        )  # fmt: skip


def _saturation_with_norm() -> Iterator[Prediction]:
    yield Prediction(
        "saturation-norm",
        "BatchNorm and tanh saturate 3.0 to 3.4 % at init with batches of 32 (3.64 % if infinite)",
        COMPUTED, "init/saturation_mean", with_norm, 0.032, 0.002,
    )  # fmt: skip
    yield Prediction(
        "norm-ignores-scale", "under BatchNorm naive and Kaiming init start equally saturated",
        "Ioffe & Szegedy 2015", "init/saturation_mean",
        lambda f: with_norm(f) and f.init == "naive", 0.0, 0.001,
        minus=lambda f: with_norm(f) and f.init == "kaiming",
    )  # fmt: skip


def _saturation_without_norm() -> Iterator[Prediction]:
    series = (
        (5 / 3, "Kaiming with gain 5/3", (0.209, 0.098, 0.070, 0.060, 0.057), 0.02),
        (1.0, "Kaiming with gain 1", (0.036, 0.001, 0.0), 0.01),
    )
    for gain, words, shares, margin in series:
        for layer, share in enumerate(shares, start=1):
            yield Prediction(
                f"saturation-kaiming-gain-{gain:.2g}-layer-{layer}",
                f"{words}, no norm: {share:.1%} saturated in layer {layer}", COMPUTED,
                f"init/saturation_layer_{layer}", without_norm("kaiming", gain, layer),
                share, margin,
            )  # fmt: skip
    yield Prediction(
        "saturation-naive-layer-1", "naive init, no norm: 70 % saturated at fan-in 30 (layer 1)",
        COMPUTED, "init/saturation_layer_1", without_norm("naive", 1.0), 0.70, 0.03,
    )  # fmt: skip
    yield Prediction(
        "saturation-naive-deeper",
        "naive init, no norm: 83 % saturated at fan-in 100 (layers 2 and up)", COMPUTED,
        "init/saturation_deeper", without_norm("naive", 1.0, fewest_layers=2), 0.83, 0.03,
    )  # fmt: skip


def _gradients() -> Iterator[Prediction]:
    yield Prediction(
        "growth-norm", "with BatchNorm and tanh gradients grow ×1.085 a layer, backwards", YANG,
        "init/gradient_growth", lambda f: with_norm(f) and f.depth >= 5, 1.085, 0.03,
    )  # fmt: skip
    yield Prediction(
        "growth-gain", "without norm, gain 5/3, gradients grow ×1.10 a layer from layer 5 on",
        COMPUTED, "init/gradient_growth_deep", without_norm("kaiming", 5 / 3, fewest_layers=10),
        1.10, 0.03,
    )  # fmt: skip


def _floor(entropy: float, context: int) -> Prediction:
    return Prediction(
        "entropy-floor", "no network has a train loss below the entropy given its context",
        "information theory", "final/train_loss",
        lambda f: (f.train_words, f.split, f.context) == ("all", "fixed", context), entropy, 0.0,
        at_least=True,
    )  # fmt: skip
