"""Partial grids: a study has the variants that its file leaves in, and each mistake is told."""

import re
from itertools import product

import pytest

from harness.errors import UserError
from harness.study.files import parse_study
from harness.study.levels import Levels
from harness.study.plan import about_partial, expand, twins
from harness.study.study import Study

STUDY = """
question = "What matters?"
seeds = 2
[factors]
norm = ["none", "batch"]
batch = [2, 8, 32]
lr_drop = [0.1, 1.0]
lr_drop_at = [0.5, 0.75]
[baseline]
norm = "batch"
batch = 32
lr_drop = 0.1
lr_drop_at = 0.75
"""
EXCLUDE = """
[[exclude]]
norm = "batch"
batch = [2, 8]
"""
ONLY = """
[[only]]
factor = "lr_drop_at"
where = { lr_drop = 0.1 }
"""
ONE = 'design = "one_at_a_time"\n'
CLAIM = '[[claims]]\nid = "c"\nsays = "so"\n'
NORMS = 'kind = "difference"\nfactor = "norm"\nlevel = "batch"\nversus = "none"\n'


def study(text: str) -> Study:
    return parse_study(text.encode(), "part")


def every_combination(text: str = STUDY) -> list[Levels]:
    factors = study(text).factors
    return [dict(zip(factors, levels, strict=True)) for levels in product(*factors.values())]


def test_a_full_grid_has_every_combination_in_the_order_of_the_file() -> None:
    full = study(STUDY)
    assert list(full.cells()) == every_combination()
    assert full.size() == 2 * 24
    assert about_partial(full) == ""


def test_combinations_in_a_table_of_exclude_are_left_out() -> None:
    part = study(STUDY + EXCLUDE)
    assert list(part.cells()) == [
        cell for cell in every_combination() if cell["norm"] == "none" or cell["batch"] == 32
    ]
    assert part.size() == len(expand(part, "digest")) == 2 * 16
    assert about_partial(part) == (
        "The grid has 16 of 24 combinations of levels. Left out: norm batch, batch 2 or 8."
    )


def test_a_factor_keeps_its_baseline_level_where_it_has_no_meaning() -> None:
    assert len(twins(study(STUDY))) == 6
    part = study(STUDY + ONLY)
    assert twins(part) == []
    assert list(part.cells()) == [
        cell for cell in every_combination() if cell["lr_drop"] == 0.1 or cell["lr_drop_at"] == 0.75
    ]
    assert about_partial(part) == (
        "The grid has 18 of 24 combinations of levels. "
        "Varied only in some places: lr_drop_at (with lr_drop 0.1)."
    )


def test_the_baseline_may_leave_out_a_factor_in_only_whose_default_is_a_level() -> None:
    left_out = (STUDY + ONLY).replace("lr_drop_at = 0.75\n", "")
    assert study(left_out).baseline["lr_drop_at"] == 0.75
    assert study(left_out) == study(left_out).override()
    with pytest.raises(UserError, match=re.escape("Add lr_drop_at with one of [0.5, 0.7].")):
        study(left_out.replace("[0.5, 0.75]", "[0.5, 0.7]"))


def test_conditions_may_hang_on_each_other() -> None:
    both = ONLY + '[[only]]\nfactor = "lr_drop"\nwhere = { norm = "none" }\n'
    part = study(STUDY + both)
    levels = {(cell["norm"], cell["lr_drop"], cell["lr_drop_at"]) for cell in part.cells()}
    assert levels == {
        ("none", 0.1, 0.5), ("none", 0.1, 0.75), ("none", 1.0, 0.75),
        ("batch", 0.1, 0.5), ("batch", 0.1, 0.75),
    }  # fmt: skip


def test_one_change_at_a_time_is_the_baseline_and_each_other_level() -> None:
    part = study(ONE + STUDY)
    apart = [sum(part.baseline[f] != level for f, level in cell.items()) for cell in part.cells()]
    assert sorted(apart) == [0, 1, 1, 1, 1, 1]
    assert part.size() == 2 * 6
    assert about_partial(part) == (
        "The grid has 6 of 24 combinations of levels. "
        "Changing one factor at a time shows nothing about interactions."
    )


def test_a_few_variants_of_very_many_combinations_are_found_at_once() -> None:
    names = ("gain", "lr", "output_scale", "weight_decay", "lr_drop", "lr_drop_at", "momentum")
    levels = [0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9]
    factors = "".join(f"{name} = {levels}\n" for name in names)
    baseline = "".join(f"{name} = 0.1\n" for name in names)
    part = study(f"{ONE}question = '?'\nseeds = 1\n[factors]\n{factors}[baseline]\n{baseline}")
    assert part.size() == 1 + 7 * 8


def test_the_keys_of_runs_do_not_depend_on_what_else_is_in_the_grid() -> None:
    whole = {run.key for run in expand(study(STUDY), "digest")}
    for text in (STUDY + EXCLUDE, STUDY + ONLY, ONE + STUDY):
        assert {run.key for run in expand(study(text), "digest")} < whole


def test_every_variant_that_is_left_in_is_tuned() -> None:
    tuned = STUDY.replace("seeds = 2", "seeds = 3").replace("[baseline]", "[baseline]\nlr = 0.1")
    part = study(tuned + EXCLUDE + "[tuned]\nlr = [0.1, 0.3]\n")
    assert part.size() == len(expand(part, "digest")) == 16 * 2 * 3
    assert about_partial(part).startswith("The grid has 16 of 24 combinations")


def test_a_study_stays_the_same_when_it_is_stored_and_read() -> None:
    part = study(STUDY + EXCLUDE + ONLY)
    assert Study.model_validate(part.model_dump(mode="json")) == part
    assert list(part.override(seeds=(7,)).cells()) == list(part.cells())


def test_a_comparison_is_made_where_every_level_compared_has_a_variant() -> None:
    part = study(STUDY + EXCLUDE)
    norms: list[Levels] = [{"norm": "none"}, {"norm": "batch"}]
    assert {place["batch"] for place in part.places(norms, {})} == {32}
    assert len(part.places(norms, {})) == 4
    assert part.places(norms, {"lr_drop": 0.1, "batch": (8, 32)}) == [
        {"batch": 32, "lr_drop": 0.1, "lr_drop_at": 0.5},
        {"batch": 32, "lr_drop": 0.1, "lr_drop_at": 0.75},
    ]
    assert part.places(norms, {"batch": 2}) == []


MISTAKES: dict[str, tuple[str, str]] = {
    "an unknown design": (
        'design = "half"\n' + STUDY,
        "design must be 'full' or 'one_at_a_time'; received 'half'. Fix that entry.",
    ),
    "a table of an unknown factor": (
        STUDY + '[[exclude]]\nnrom = "batch"\n',
        "[[exclude]], entry 1 must name factors of the study; received 'nrom'. "
        "Did you mean 'norm'?",
    ),
    "a table of an unknown level": (
        STUDY + EXCLUDE + '[[exclude]]\nnorm = ["batch", "layer"]\n',
        "[[exclude]], entry 2 must name a level that norm has; received 'layer'. "
        "Valid levels: batch, none.",
    ),
    "a table with a list of nothing": (
        STUDY + "[[exclude]]\nbatch = []\n",
        "exclude, entry 1, batch must be a number, a text, true or false; received []. "
        "Fix that entry.",
    ),
    "a table that matches everything": (
        STUDY + '[[exclude]]\nnorm = ["none", "batch"]\n',
        "[[exclude]], entry 1 must not match every variant; received "
        "{'norm': ['none', 'batch']}. Name the levels of the combination to leave out.",
    ),
    "an empty table": (
        STUDY + "[[exclude]]\n",
        "[[exclude]], entry 1 must not match every variant; received {}. "
        "Name the levels of the combination to leave out.",
    ),
    "a table that matches the baseline": (
        STUDY + '[[exclude]]\nnorm = "batch"\nbatch = [8, 32]\n',
        "[[exclude]], entry 1 must not match the baseline; received "
        "{'norm': 'batch', 'batch': [8, 32]}. Name other levels, or choose another baseline.",
    ),
    "a table that matches the baseline of one at a time": (
        ONE + STUDY + "[[exclude]]\nbatch = 32\n",
        "[[exclude]], entry 1 must not match the baseline; received {'batch': 32}. "
        "Name other levels, or choose another baseline.",
    ),
    "a table that matches nothing": (
        STUDY + EXCLUDE + '[[exclude]]\nnorm = "batch"\nbatch = 8\nlr_drop = 1.0\n',
        "[[exclude]], entry 2 must match some variant; received "
        "{'norm': 'batch', 'batch': 8, 'lr_drop': 1.0}. "
        "Remove it: no variant that it names is left.",
    ),
    "tables that leave nothing of a level": (
        STUDY + EXCLUDE + '[[exclude]]\nnorm = "none"\nbatch = 2\n',
        "every level must be in a variant; received {'batch': 2}. "
        "Remove it from [factors], or keep a combination that has it.",
    ),
    "a table that takes the only variant of a level": (
        ONE + STUDY + EXCLUDE,
        "every level must be in a variant; received {'batch': 2}. "
        "Remove it from [factors], or keep a combination that has it.",
    ),
    "only on an unknown factor": (
        STUDY + ONLY.replace('"lr_drop_at"', '"lr_dorp_at"'),
        "[[only]], entry 1 must name factors of the study; received 'lr_dorp_at'. "
        "Did you mean 'lr_drop_at'?",
    ),
    "only with an unknown factor as condition": (
        STUDY + ONLY.replace("lr_drop = 0.1", "momentum = 0.9"),
        "[[only]], entry 1 must name factors of the study; received 'momentum'. "
        "Valid factors: batch, lr_drop, lr_drop_at, norm.",
    ),
    "only with an unknown level as condition": (
        STUDY + ONLY.replace("= 0.1", "= 0.2"),
        "[[only]], entry 1 must name a level that lr_drop has; received 0.2. "
        "Valid levels: 0.1, 1.",
    ),
    "only without a condition": (
        STUDY + ONLY.replace("{ lr_drop = 0.1 }", "{}"),
        "only, entry 1, where must not be empty; received {}. Fix that entry.",
    ),
    "only with an unknown key": (
        STUDY + ONLY.replace("where", "were"),
        "unknown key: only, entry 1, were; received {'lr_drop': 0.1}. Did you mean 'where'?",
    ),
    "only that hangs on itself": (
        STUDY + ONLY.replace("lr_drop = 0.1", "lr_drop_at = 0.5"),
        "[[only]], entry 1 must have no condition on its own factor; received "
        "{'lr_drop_at': 0.5}. Name levels of other factors.",
    ),
    "only twice for a factor": (
        STUDY + ONLY + ONLY.replace("lr_drop =", "lr_drop=").replace("0.1", "1.0"),
        "[[only]], entry 1 must not repeat the factor of another; received 'lr_drop_at'. "
        "Write all conditions in one 'where'.",
    ),
    "only that holds everywhere": (
        STUDY + ONLY.replace("0.1", "[0.1, 1.0]"),
        "[[only]], entry 1 must not hold everywhere; received {'lr_drop': [0.1, 1.0]}. "
        "Name fewer levels, or remove the table.",
    ),
    "only that holds nowhere": (
        STUDY + EXCLUDE + ONLY.replace("lr_drop = 0.1", 'norm = "batch", batch = 8'),
        "[[only]], entry 1 must hold where lr_drop_at can vary; received "
        "{'norm': 'batch', 'batch': 8}. With this grid it must hold in some variants.",
    ),
    "only that does not hold at the baseline of one at a time": (
        ONE + STUDY + ONLY.replace("0.1", "1.0"),
        "[[only]], entry 1 must hold where lr_drop_at can vary; received {'lr_drop': 1.0}. "
        "With this grid it must hold in the baseline.",
    ),
    "too many variants": (
        STUDY.replace("[2, 8, 32]", str([*range(2, 6000)])) + "[[exclude]]\nbatch = 2\nlr_drop=1.0",
        "a partial grid must have at most 20,000 variants; received "
        "{'norm': 2, 'batch': 5998, 'lr_drop': 2, 'lr_drop_at': 2}. Remove levels.",
    ),
    "a claim about what is left out": (
        STUDY + EXCLUDE + CLAIM + NORMS + "where = { batch = 8 }\n",
        "claim 'c' must be about variants of the grid; received "
        "{'batch': 8, 'norm': 'batch'}. "
        "The grid leaves that combination out: change the claim, or put the combination back.",
    ),
    "a claim about some of what is left out": (
        STUDY + EXCLUDE + CLAIM + NORMS + 'where = { batch = [32, 2] }\nover = "every"\n',
        "claim 'c' must be about variants of the grid; received "
        "{'batch': 2, 'norm': 'batch'}. "
        "The grid leaves that combination out: change the claim, or put the combination back.",
    ),
    "a claim that no place has every variant of": (
        STUDY + EXCLUDE + CLAIM + 'kind = "interaction"\nfactor = "norm"\nlevel = "batch"\n'
        'versus = "none"\nby = "batch"\nat = [32, 8]\n',
        "claim 'c' must be about variants of the grid; received "
        "{'norm': 'batch', 'batch': 8}. "
        "The grid leaves that combination out: change the claim, or put the combination back.",
    ),
    "a claim on two changes of one at a time": (
        ONE + STUDY + CLAIM + 'kind = "threshold"\nbelow = 3\n'
        'where = { norm = "none", batch = 8 }\n',
        "claim 'c' must be about variants of the grid; received "
        "{'norm': 'none', 'batch': 8}. "
        "The grid leaves that combination out: change the claim, or put the combination back.",
    ),
    "levels compared that are never in one place": (
        STUDY + '[[exclude]]\nnorm = "none"\nbatch = [8, 32]\n'
        '[[exclude]]\nnorm = "batch"\nbatch = 2\n' + CLAIM + NORMS,
        "claim 'c' must be about variants of the grid; received "
        "{'norm': 'none', 'batch': 8, 'lr_drop': 0.1, 'lr_drop_at': 0.5}. "
        "The grid leaves that combination out: change the claim, or put the combination back.",
    ),
    "variants that cannot be trained": (
        STUDY.replace("[2, 8, 32]", "[1, 8, 32]"),
        "batch must be at least 2 with BatchNorm, which needs a variance; received 1, in 4 of 24 "
        "variants. Raise it, or use another norm. Or leave these variants out:\n\n"
        '[[exclude]]\nnorm = "batch"\nbatch = 1',
    ),
    "variants that cannot be trained for several reasons": (
        STUDY.replace("[2, 8, 32]", "[1, 8, 32]")
        .replace("lr_drop = [0.1, 1.0]", "context = [1, 2, 3]")
        .replace("lr_drop = 0.1", "context = 3")
        .replace("lr_drop_at = [0.5, 0.75]", "embedding = [1, 4]")
        .replace("lr_drop_at = 0.75", "embedding = 4"),
        "context × embedding must be at least 2: diagnostics need the weights' standard "
        "deviation; received 1, in "
        "11 of 36 variants. Raise one of them. Or leave these variants out:\n\n"
        "[[exclude]]\ncontext = 1\nembedding = 1\n\n"
        '[[exclude]]\nnorm = "batch"\nbatch = 1',
    ),
    "a level that cannot be trained beside the baseline": (
        ONE + STUDY.replace("[2, 8, 32]", "[1, 8, 32]"),
        "batch must be at least 2 with BatchNorm, which needs a variance; received 1. "
        "Raise it, or use another norm.",
    ),
    "a table of a tuned field": (
        STUDY.replace("seeds = 2", "seeds = 3").replace("[baseline]", "[baseline]\nlr = 0.1")
        + '[tuned]\nlr = [0.1, 0.3]\n[[exclude]]\nnorm = "none"\nlr = 0.3\n',
        "[[exclude]], entry 1 must name factors of the study; received 'lr'. "
        "Valid factors: batch, lr_drop, lr_drop_at, norm.",
    ),
    "a baseline that cannot be trained": (
        STUDY.replace("[2, 8, 32]", "[1, 8, 32]").replace("batch = 32", "batch = 1"),
        "batch must be at least 2 with BatchNorm, which needs a variance; received 1. "
        "Raise it, or use another norm.",
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", MISTAKES)
def test_a_mistake_is_told_word_for_word(case: str) -> None:
    text, message = MISTAKES[case]
    with pytest.raises(UserError) as told:
        study(text)
    assert str(told.value) == f"study 'part': {message}"


def test_the_tables_in_the_message_are_all_that_is_missing() -> None:
    text, _ = MISTAKES["variants that cannot be trained for several reasons"]
    with pytest.raises(UserError) as told:
        study(text)
    tables = str(told.value).partition("\n\n")[2]
    assert study(text + tables).size() == 2 * 25


def test_several_levels_that_go_with_nothing_share_a_table() -> None:
    text = STUDY.replace("lr_drop_at = [0.5, 0.75]", 'output_norm = ["batch", "layer", "none"]')
    text = text.replace("lr_drop_at = 0.75", 'output_norm = "batch"').replace("[2, 8", "[1, 8")
    with pytest.raises(UserError) as told:
        study(text)
    tables = str(told.value).partition("\n\n")[2]
    assert tables == (
        '[[exclude]]\nbatch = 1\noutput_norm = "batch"\n\n[[exclude]]\nnorm = "batch"\nbatch = 1'
    )
    assert study(text + tables).size() == 2 * (36 - 8)
