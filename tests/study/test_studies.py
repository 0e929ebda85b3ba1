"""Every shipped study is valid, states its claims, and takes less than a quarter of an hour."""

import pytest

from harness.analysis.statements import cells_of, variants_of
from harness.errors import UserError
from harness.study.files import load_study, parse_study, study_names
from harness.study.plan import Costs, expand, variant_label
from harness.study.study import Study
from harness.subjects.corpus import Corpus

OF_THE_TRANSFORMER = ("attention", "residual_init", "warmup")
OF_THE_MLP = (
    "components",
    "core",
    "core_splits",
    "core_tuned",
    "deep",
    "final_loss",
    "learning_rate",
    "regularization",
    "single_changes",
    "smoke",
)
SHIPPED = tuple(sorted((*OF_THE_TRANSFORMER, *OF_THE_MLP)))
FEW = {"smoke": 1, "residual_init": 4, "warmup": 5}  # claims
QUARTER_OF_AN_HOUR = 900  # seconds, on two cores
# Measured: 82 µs for the MLP's default step of 4 million multiplications, 17.5 ms for the
# transformer's of 330.
SECONDS_PER_MILLION = {"char_mlp": 21e-6, "char_transformer": 53e-6}
# Upper bounds for evaluation, sampling and logging, on two cores: 120 runs of `core` took 91 s, of
# which 42 were not training; the transformer's take 6 s of one core.
SECONDS_PER_RUN = {"char_mlp": 0.4, "char_transformer": 3.0}


def test_the_studies_that_test_what_is_taught_are_shipped() -> None:
    assert tuple(study_names()) == SHIPPED


@pytest.mark.parametrize("name", SHIPPED)
def test_a_study_is_valid_and_its_runs_differ(name: str) -> None:
    study = load_study(name)
    runs = expand(study, "digest")
    assert len({run.key for run in runs}) == len(runs) == study.size()
    assert len({variant_label(cell) for cell in study.trained()}) * len(study.seeds) == len(runs)


@pytest.mark.parametrize("name", SHIPPED)
def test_a_study_asks_a_question_and_states_claims(name: str) -> None:
    study = load_study(name)
    assert study.question.endswith("?") or name == "smoke"
    assert len(study.claims) >= FEW.get(name, 6)
    assert all(any(cells_of(study, claim)) for claim in study.claims)


@pytest.mark.parametrize("name", [name for name in SHIPPED if name != "final_loss"])
def test_a_study_ends_within_a_quarter_of_an_hour_on_two_cores(tiny: Corpus, name: str) -> None:
    study = load_study(name)
    runs = expand(study, "digest")
    millions = Costs(study.model, tiny).of_runs(runs)
    training = millions * SECONDS_PER_MILLION[study.subject] / 2
    seconds = training + len(runs) * SECONDS_PER_RUN[study.subject]
    assert seconds < QUARTER_OF_AN_HOUR


def test_claims_on_every_cell_name_the_cells_they_mean() -> None:
    claims = {claim.id: claim for claim in load_study("core").claims}
    study = load_study("core")
    cells = [cell.name for cell in cells_of(study, claims["bn-deep-kaiming"])]
    assert cells == [
        f"init kaiming, output_scale {scale}, depth {depth}"
        for scale in ("1", "0.1")
        for depth in (5, 10)
    ]


WHOLE = """
question = "Is 1 the same as 1.0?"
seeds = 1
[factors]
gain = [1, 2]
depth = [1, 2]
[baseline]
gain = 1
depth = 1
"""


CLAIM = """
[[claims]]
id = "c"
says = "Depth helps."
kind = "difference"
factor = "depth"
level = 2
versus = 1
"""


def test_a_whole_number_beyond_all_fractions_is_refused() -> None:
    with pytest.raises(UserError, match="gain, entry 2 must be 0, or between"):
        parse_study(WHOLE.replace("[1, 2]", f"[1, {10**400}]", 1).encode(), "whole")


def test_a_file_may_begin_with_a_byte_order_mark() -> None:
    assert parse_study(WHOLE.encode("utf-8-sig"), "whole") == parse_study(WHOLE.encode(), "whole")


def test_a_whole_number_is_a_level_of_a_field_of_fractions() -> None:
    study = parse_study(WHOLE.encode(), "whole")
    assert study.factors == {"gain": (1.0, 2.0), "depth": (1, 2)}
    assert all(isinstance(gain, float) for gain in study.factors["gain"])
    assert all(isinstance(depth, int) for depth in study.factors["depth"])
    assert isinstance(study.baseline["gain"], float)


ALIKE = """
question = "Are levels of equal value one level?"
seeds = 2
[factors]
lr = [0.1, 1_000_000]
depth = [1, 2]
weight_decay = [-0.0, 0.1]
[baseline]
lr = 1_000_000
depth = 2.0
weight_decay = 0
[bare]
depth = 1.0
[[claims]]
id = "c"
says = "It is."
kind = "interaction"
factor = "lr"
level = 1_000_000
versus = 0.1
by = "depth"
at = [1.0, 2.0]
where = { weight_decay = [0, 0.1] }
"""


def test_levels_of_equal_value_are_named_as_the_study_lists_them() -> None:
    """Else the baseline and the claims would be about variants that no run has."""
    study = parse_study(ALIKE.encode(), "alike")
    names = {variant_label(cell) for cell in study.cells()}
    assert "lr 1e+06, depth 2, weight_decay 0" in names
    assert variant_label(study.reference) in names
    assert [str(level) for level in study.bare.values()] == ["1"]
    used = {name for claim in study.claims for name in variants_of(study, claim)}
    assert used == names
    assert Study.model_validate(study.model_dump(mode="json")) == study


@pytest.mark.parametrize("number", ["1e101", "-1.7e308", "1e400"])
def test_numbers_whose_squares_are_infinite_are_no_margins(number: str) -> None:
    claim = CLAIM + f"margin = {number}\n"
    with pytest.raises(UserError, match=r"claims, entry 1, margin must be (at most|at least|fin)"):
        parse_study((WHOLE + claim).encode(), "whole")
