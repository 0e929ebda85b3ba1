import json
from typing import Any
from urllib.parse import parse_qs, urlsplit

from harness.store.links import addresses, neighbours
from harness.store.presentation import colours, plain
from harness.store.runs import StudyRuns
from harness.store.selection import Selection
from harness.store.store import Store
from harness.store.views import views
from tests.support.stores import FACTS, children, experiment_id, grid, result, study, tracker


def test_views_choose_the_factors_the_seed_and_the_primary_response():
    made = views(study(), "50")
    table = state_of(made["mlflow.sharedViewState.runs"])
    assert table["selectedColumns"][:4] == [
        "metrics.`final/dev_loss`", "params.`norm`", "params.`residual`", "params.`seed`"
    ]  # fmt: skip
    assert (table["orderByKey"], table["orderByAsc"]) == ("metrics.`final/dev_loss`", True)
    for view in ("charts", "factors"):
        charts = state_of(made[f"mlflow.sharedViewState.{view}-50"])
        sections = {section["uuid"] for section in charts["compareRunSections"]}
        assert {card["metricSectionId"] for card in charts["compareRunCharts"]} <= sections
    assert all(len(text) < 5000 for text in made.values())  # of a tag


def test_charts_show_runs_of_one_length_alone():
    ours, fifty = "tags.`ablate.kind` = 'run'", " and params.steps = '50'"
    expected = {
        "50": {"runs": ours, "charts-50": ours + fifty, "factors-50": ours + fifty},
        "varied": dict.fromkeys(["runs", "charts", "factors"], ours),
    }
    for steps, filters in expected.items():
        made = views(study(), steps)
        found = {tag.rpartition(".")[2]: state_of(made[tag])["searchFilter"] for tag in made}
        assert found == filters


def state_of(view: str) -> dict[str, Any]:
    """What a saved view holds."""
    state: dict[str, Any] = json.loads(json.loads(view)["state"])
    return state


def test_views_are_in_the_form_that_mlflow_lists() -> None:
    made = {tag: json.loads(view) for tag, view in views(study(), "1000").items()}
    names = {"all runs", "charts by variant, 1,000 steps", "factors and outcome, 1,000 steps"}
    assert {view["name"] for view in made.values()} == names
    assert all(type(view["createdAt"]) is int for view in made.values())
    assert views(study(), "50") == views(study(), "50")
    newest_first = sorted(made.values(), key=lambda view: -view["createdAt"])
    assert [view["name"] for view in newest_first] == sorted(names)


def test_neighbours_differ_from_the_baseline_in_one_factor():
    first, *others = neighbours(study())
    assert first == study().baseline
    assert all(sum(first[f] != cell[f] for f in first) == 1 for cell in others)
    assert len(others) == 2


def test_addresses_name_the_runs_to_compare(uri):
    with tracker(uri) as tracked:
        for run in grid(study()):
            tracked.deliver(result(run))
    store, digest = Store.open(uri), str(FACTS["digest"])
    runs = StudyRuns(store, experiment_id(uri))
    chosen = Selection(name="small", steps="50", data_digest=digest, study=study(), runs=runs)
    found = addresses(store, "http://127.0.0.1:5055", chosen)
    query = parse_qs(urlsplit(found["baseline against each change of one factor"]).fragment)
    compared = json.loads(next(iter(query.values()))[0])
    names = {run.info.run_id: run.data.tags["variant"] for run in children(uri)}
    assert [names[run_id] for run_id in compared] == [
        "batch, residual false", "none, residual false", "batch, residual true"
    ]  # fmt: skip
    assert all("workflowType=machine_learning" in address for address in found.values())
    assert "viewStateShareKey=charts-50&" in found["charts by variant"]


def test_colours_are_distinct_for_two_dozen_variants():
    wide = study(factors={"depth": list(range(1, 25))}, baseline={"depth": 1}, fixed={})
    assert len(set(colours(wide))) == 24


def test_text_of_a_study_is_plain_in_notes():
    assert plain("<script>*a*[x](y)") == "&lt;script&gt;\\*a\\*\\[x\\](y)"
