"""Levels have one spelling, that of TOML, which commands compare by value."""

import pytest
from pydantic import ValidationError

from harness.errors import UserError
from harness.study.levels import Level, format_level, parse_levels, parse_run
from harness.study.plan import expand, variant_label
from harness.study.study import Study

FACTORS: dict[str, tuple[Level, ...]] = {
    "norm": ("none", "batch"),
    "output_norm": ("", "none"),
    "lr": (1e6, 0.1, 5 / 3),
    "depth": (1, 10),
    "residual": (False, True),
    "words": ("all", "a, b", "1", " a", "it's", "a\tb", 'say "a"', "größe"),
}


@pytest.mark.parametrize(
    ("written", "level"),
    [
        ("lr=1e6", 1e6),
        ("lr=1E6", 1e6),
        ("lr=1000000", 1e6),
        ("lr=1_000_000.0", 1e6),
        ("lr=1e-1", 0.1),
        ("lr = 0.10", 0.1),
        ("lr=1.66667", 5 / 3),  # as reports write it
        ("depth=10.0", 10),
        ("depth=1", 1),
        ("residual=false", False),
        ("residual=true", True),
        ("norm=batch", "batch"),
        ('norm="batch"', "batch"),
        ("output_norm=", ""),
        ('output_norm=""', ""),
        ("words='a, b'", "a, b"),
        ("words=1", "1"),
    ],
)
def test_a_level_is_read_by_its_value(written: str, level: object) -> None:
    (found,) = parse_levels(written, FACTORS).values()
    assert (found, type(found)) == (level, type(level))


def test_several_levels_are_separated_by_commas() -> None:
    text = 'lr=1e6, words="a, b",, residual=true,'
    assert parse_levels(text, FACTORS) == {"lr": 1e6, "words": "a, b", "residual": True}


@pytest.mark.parametrize("factor", FACTORS)
def test_every_level_is_read_as_it_is_written(factor: str) -> None:
    for level in FACTORS[factor]:
        assert parse_levels(f"{factor}={format_level(level)}", FACTORS) == {factor: level}


@pytest.mark.parametrize(
    ("written", "message"),
    [
        ("residual=1", "'residual' must have one of the study's levels; received '1'. "
                       "Valid levels: false, true."),
        ("depth=true", "'depth' must have one of the study's levels; received 'true'. "
                       "Valid levels: 1, 10."),
        ("norm=bach", "'norm' must have one of the study's levels; received 'bach'. "
                      "Did you mean 'batch'?"),
        ("lr=[[[", "'lr' must have one of the study's levels; received '[[['. "
                   "Valid levels: 0.1, 1.66667, 1e+06."),
        ("batch", "a variant must be written as factor=level,factor=level; received 'batch'. "
                  "Valid factors: depth, lr, norm, output_norm, residual, words."),
    ],
)  # fmt: skip
def test_what_is_no_level_is_refused(written: str, message: str) -> None:
    with pytest.raises(UserError) as refused:
        parse_levels(written, FACTORS)
    assert str(refused.value) == message


def test_a_run_has_one_seed() -> None:
    assert parse_run(["norm=batch", "seed=3"], FACTORS) == ({"norm": "batch"}, 3)
    with pytest.raises(UserError, match=r"seed must be one number; received seed=1,seed=2\."):
        parse_run(["seed=1", "seed=2"], FACTORS)


def test_blank_levels_and_booleans_carry_their_factor_in_a_variants_name() -> None:
    study = Study.model_validate(
        {
            "question": "?",
            "seeds": 1,
            "fixed": {"norm": "batch"},
            "factors": {"output_norm": ["", "none"], "residual": [False, True]},
            "baseline": {"output_norm": "", "residual": False},
        }
    )
    assert [variant_label(cell) for cell in study.cells()] == [
        'output_norm "", residual false',
        'output_norm "", residual true',
        "none, residual false",
        "none, residual true",
    ]
    assert len({run.variant for run in expand(study, "digest")}) == 4


def test_levels_with_commas_give_no_two_variants_one_name() -> None:
    """Runs are told apart by the names of their variants."""
    factors = {"a": ["x", "x, y", '"x'], "b": ["y, z", "z", 'y", z']}
    names = [
        variant_label({"a": a, "b": b}) for a in factors["a"] for b in factors["b"]
    ]  # fmt: skip
    assert names[:5] == ['x, "y, z"', "x, z", r'x, "y\", z"', '"x, y", "y, z"', '"x, y", z']
    assert len(set(names)) == len(names)


def test_a_text_like_a_number_with_its_factor_is_refused_beside_it() -> None:
    study = {"question": "?", "seeds": 1, "factors": {"train_words": ["train_words 9", 9]}}
    with pytest.raises(ValidationError, match="levels of train_words that are alike"):
        Study.model_validate({**study, "baseline": {"train_words": 9}})


@pytest.mark.parametrize("level", [4.9e-324, -1e-101, 1e101, 10**400])
def test_numbers_whose_squares_are_none_are_no_levels(level: float) -> None:
    study = {"question": "?", "seeds": 1, "factors": {"weight_decay": [0.0, level]}}
    with pytest.raises(ValidationError, match="must be 0, or between 1e-100 and"):
        Study.model_validate({**study, "baseline": {"weight_decay": 0.0}})


@pytest.mark.parametrize("level", ["x" * 501, "a\x1bb", "a\u2028b"])
def test_texts_that_a_store_or_terminal_cannot_take_are_no_levels(level: str) -> None:
    study = {"question": "?", "seeds": 1, "factors": {"norm": ["batch", level]}}
    with pytest.raises(ValidationError, match=r"must have at most 500|control characters"):
        Study.model_validate({**study, "baseline": {"norm": "batch"}})
