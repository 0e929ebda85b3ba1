"""An injected error is caught before any number is made of the runs."""

import pandas as pd
import pytest

from harness.analysis.integrity import audit, findings_table
from harness.report.sections.bottom_line import bottom_line
from harness.report.source import Source
from tests.support import simulated

ASKED = simulated.study()


@pytest.fixture
def runs() -> pd.DataFrame:
    return simulated.runs_of(ASKED, simulated.noise())


def found(runs: pd.DataFrame) -> dict[str, str]:
    """Severity by check."""
    data = simulated.data(ASKED, simulated.noise(), runs=runs)
    return {finding.check: finding.severity for finding in audit(data)}


def test_correct_runs_pass(runs: pd.DataFrame) -> None:
    assert found(runs) == {}
    assert found(runs.sample(frac=1, random_state=1)) == {}


def test_swapped_labels_are_refused(runs: pd.DataFrame) -> None:
    label = ["variant", *ASKED.factors]
    one, other = runs.index[0], runs.index[5]
    runs.loc[[one, other], label] = runs.loc[[other, one], label].to_numpy()
    assert found(runs) == {"labels": "refuse"}


def test_a_swapped_level_alone_is_refused(runs: pd.DataFrame) -> None:
    runs.loc[0, "norm"] = "batch"
    assert found(runs) == {"labels": "refuse"}


def test_swapped_seeds_are_refused(runs: pd.DataFrame) -> None:
    runs.loc[[0, 1], "seed"] = [2, 1]
    assert found(runs)["labels"] == "refuse"
    assert found(runs)["pairing"] == "refuse"


def test_a_lost_seed_is_bannered(runs: pd.DataFrame) -> None:
    data = simulated.data(ASKED, simulated.noise(), runs=runs[runs["seed"] != 3])
    (finding,) = audit(data)
    assert (finding.check, finding.severity) == ("missing", "banner")
    assert finding.message == "24 of 120 planned runs have not ended: not testable."


def test_a_run_that_crashed_is_bannered_as_missing(runs: pd.DataFrame) -> None:
    runs.loc[5, "outcome"] = "failed"
    assert found(runs) == {"missing": "banner"}


def test_a_duplicated_run_is_refused(runs: pd.DataFrame) -> None:
    assert found(pd.concat([runs, runs[3:4]])) == {"duplicates": "refuse"}
    assert found(pd.concat([runs, runs[3:4].assign(run_key="x")]))["duplicates"] == "refuse"


def test_an_unpaired_minibatch_order_is_refused(runs: pd.DataFrame) -> None:
    runs.loc[4, "minibatches"] = "another"
    assert found(runs) == {"pairing": "refuse"}


def test_two_seeds_with_one_minibatch_order_are_refused(runs: pd.DataFrame) -> None:
    order = dict(zip(runs["seed"], runs["minibatches"], strict=True))
    runs["minibatches"] = runs["minibatches"].replace(order[2], order[1])
    (finding,) = audit(simulated.data(ASKED, simulated.noise(), runs=runs))
    assert finding.severity == "refuse"
    assert finding.message == "Runs of different seeds saw the same minibatches."


def test_a_run_that_diverged_may_have_seen_fewer_minibatches(runs: pd.DataFrame) -> None:
    runs.loc[4, ["outcome", "minibatches"]] = ["diverged", "fewer"]
    assert found(runs) == {}


def test_an_unknown_minibatch_order_is_bannered(runs: pd.DataFrame) -> None:
    runs.loc[4, "minibatches"] = ""
    assert found(runs) == {"pairing": "banner"}


def test_orders_may_differ_where_a_declared_factor_makes_them_differ() -> None:
    asked = simulated.study(
        factors={"batch": [8, 32], "steps": [10, 20], "train_words": [100, "all"]},
        baseline={"batch": 32, "steps": 20, "train_words": "all"}, bare={},
    )  # fmt: skip
    assert audit(simulated.data(asked, simulated.noise())) == []


def test_mixed_data_digests_are_refused(runs: pd.DataFrame) -> None:
    runs.loc[2, "data_digest"] = "other"
    assert found(runs)["data"] == "refuse"


@pytest.mark.parametrize("field", ASKED.model.budget)
def test_a_budget_that_was_not_planned_is_refused(runs: pd.DataFrame, field: str) -> None:
    runs.loc[2, field] = "99"
    (finding,) = audit(simulated.data(ASKED, simulated.noise(), runs=runs))
    assert (finding.check, finding.severity) == ("budget", "refuse")
    assert finding.message == "1 run differs from the plan in steps, batch, train_words, split."


def test_another_version_of_the_subject_is_refused(runs: pd.DataFrame) -> None:
    runs.loc[2, "version"] = "0"
    (finding,) = audit(simulated.data(ASKED, simulated.noise(), runs=runs))
    assert (finding.check, finding.severity) == ("version", "refuse")
    assert finding.message == "Runs by version 0, 5 of char_mlp; this program has version 5."


@pytest.mark.parametrize("column", ["commit", "device", "versions"])
def test_mixed_machines_and_code_are_bannered(runs: pd.DataFrame, column: str) -> None:
    runs.loc[2, column] = "other"
    assert found(runs) == {column: "banner"}


def test_runs_that_were_not_planned_are_bannered_and_left_out(runs: pd.DataFrame) -> None:
    more = runs[:1].assign(variant="unheard of", run_key="new")
    assert found(pd.concat([runs, more])) == {"unplanned": "banner"}


def test_what_is_refused_comes_first_and_silences_the_bottom_line(runs: pd.DataFrame) -> None:
    runs.loc[2, "device"] = "other"
    runs.loc[4, "minibatches"] = "another"
    data = simulated.data(ASKED, simulated.noise(), runs=runs)
    assert list(findings_table(audit(data))["severity"]) == ["refuse", "banner"]
    assert bottom_line(Source(data)) == [
        "These runs do not allow a conclusion.",
        "Runs of one seed saw different minibatches: seed 5.",
    ]


def test_runs_that_were_changed_are_refused(runs: pd.DataFrame) -> None:
    runs["changed"] = ""
    runs.loc[3, "changed"] = "yes"
    assert found(runs) == {"changed": "refuse"}
    data = simulated.data(ASKED, simulated.noise(), runs=runs)
    (finding,) = audit(data)
    variant, seed = runs["variant"][3], runs["seed"][3]
    assert finding.runs == (f"{variant}, seed {seed}",)


def test_what_was_lost_and_what_cannot_be_checked_is_bannered(runs: pd.DataFrame) -> None:
    runs["changed"], runs["lacking"] = "unknown", ""
    runs.loc[[1, 2], "lacking"] = ["variant, seed", "variant"]
    facts = simulated.FACTS | {"unidentified": "2"}
    unread = {runs.loc[4, "run_key"]: "batch · seed 5: trace.parquet is missing"}
    data = simulated.data(ASKED, simulated.noise(), runs=runs, facts=facts, unread=unread)
    assert [(one.check, one.severity, one.message) for one in audit(data)] == [
        ("unchecked", "banner",
         "Whether 120 runs were changed cannot be checked."),
        ("files", "banner",
         "The files of 1 run are missing or damaged: the numbers and curves come from the "
         "database, but layers, weights and histograms lack them."),
        ("lacking", "banner", "2 runs lack variant, seed: these were restored from other data."),
        ("unidentified", "banner",
         "2 runs were left out: without all tags, a run cannot be identified."),
    ]  # fmt: skip
