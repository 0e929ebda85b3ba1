"""Addresses in MLflow's UI that open on what a study asks."""

import json
from collections.abc import Iterator, Sequence
from urllib.parse import quote, urlencode

from harness.store.parent import locate, stored_runs
from harness.store.presentation import steps_text
from harness.store.reading import one_a_key
from harness.store.runs import StudyRuns, key_of
from harness.store.selection import Selection
from harness.store.store import Store
from harness.store.views import NAMES, view_key
from harness.study.levels import Levels
from harness.study.plan import expand
from harness.study.study import Study

WORKFLOW = {"workflowType": "machine_learning"}  # else MLflow opens its pages for language models
QUERY = urlencode(WORKFLOW)


def home(server: str) -> str:
    """The list of experiments."""
    return f"{server}/#/experiments?{QUERY}"


def together(store: Store, server: str, names: Sequence[str]) -> str:
    """The runs of several studies in one table."""
    experiments = [stored_runs(store, name).experiment_id for name in names]
    query = urlencode({"experiments": json.dumps(experiments), **WORKFLOW}, quote_via=quote)
    return f"{server}/#/compare-experiments/s?{query}"


def addresses(store: Store, server: str, selected: Selection) -> dict[str, str]:
    """What there is to see of a study, with the address where a browser finds it.

    Args:
        store: where the study is.
        server: the UI's address.
        selected: the runs that are meant.
    """
    name, steps, digest = selected["name"], selected["steps"], selected["data_digest"]
    runs, parent, _, _ = locate(store, name, steps, digest, selected["runs"])
    experiment = f"{server}/#/experiments/{runs.experiment_id}"
    length = steps_text(selected["study"])
    modes = {"runs": "TABLE", "charts": "CHART", "factors": "CHART"}
    found = {
        NAMES[view]: f"{experiment}/runs?{_view(view_key(view, length), mode)}"
        for view, mode in modes.items()
    }
    found["study and report"] = f"{experiment}/runs/{parent.info.run_id}/artifacts?{QUERY}"
    compared = _compared(runs, selected["study"], digest)
    if len(compared) > 1:
        query = {"runs": json.dumps(compared), "experiments": json.dumps([runs.experiment_id])}
        found["baseline against each change of one factor"] = (
            f"{server}/#/compare-runs?{urlencode(query | WORKFLOW, quote_via=quote)}"
        )
    return found


def _view(key: str, mode: str) -> str:
    return urlencode({"viewStateShareKey": key, "compareRunsMode": mode, **WORKFLOW})


def _compared(runs: StudyRuns, study: Study, digest: str) -> list[str]:
    """Ids of the first seed's runs of the baseline and of its neighbours."""
    ids = {key_of(run): run.info.run_id for run in one_a_key(runs)}
    planned = [run for run in expand(study, digest) if run.seed == study.seeds[0]]
    return [
        ids[run.key]
        for cell in neighbours(study)
        for run in planned
        if run.cell == cell and run.key in ids
    ]


def neighbours(study: Study) -> Iterator[Levels]:
    """The baseline, then every cell that differs from it in one factor."""
    baseline = {factor: study.baseline[factor] for factor in study.varied}
    yield baseline
    for factor, levels in study.factors.items():
        yield from ({**baseline, factor: level} for level in levels if level != baseline[factor])
