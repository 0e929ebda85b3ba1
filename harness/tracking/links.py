"""Addresses in MLflow's UI that open on what a study asks."""

import json
from collections.abc import Iterator
from urllib.parse import quote, urlencode

from harness.plan import expand
from harness.study import Levels, Study
from harness.tracking.ledger import Ledger
from harness.tracking.reading import chosen, definition_of, existing, latest_parent

WORKFLOW = {"workflowType": "machine_learning"}  # else MLflow opens its pages for language models
QUERY = urlencode(WORKFLOW)


def home(server: str) -> str:
    """The list of experiments."""
    return f"{server}/#/experiments?{QUERY}"


def addresses(server: str, uri: str | None, name: str) -> dict[str, str]:
    """What can be looked at of a study, with the address where a browser finds it.

    Args:
        server: the UI's address.
        uri: tracking URI as given by the user.
        name: of the study.

    Raises:
        UserError: there is no such study in the store.
        Unreachable: the store does not answer.
    """
    store, ledger = existing(uri, name)
    parent = latest_parent(ledger, name)
    study, corpus = definition_of(store, parent, name)
    experiment = f"{server}/#/experiments/{ledger.experiment_id}"
    found = {
        "all runs": f"{experiment}/runs?{_view('runs', 'TABLE')}",
        "charts by variant": f"{experiment}/runs?{_view('charts', 'CHART')}",
        "factors and outcome": f"{experiment}/runs?{_view('factors', 'CHART')}",
        "study and report": f"{experiment}/runs/{parent.info.run_id}/artifacts?{QUERY}",
    }
    compared = _compared(ledger, study, str(corpus["digest"]))
    if len(compared) > 1:
        query = {"runs": json.dumps(compared), "experiments": json.dumps([ledger.experiment_id])}
        found["baseline against each change of one factor"] = (
            f"{server}/#/compare-runs?{urlencode(query | WORKFLOW, quote_via=quote)}"
        )
    return found


def _view(key: str, mode: str) -> str:
    return urlencode({"viewStateShareKey": key, "compareRunsMode": mode, **WORKFLOW})


def _compared(ledger: Ledger, study: Study, digest: str) -> list[str]:
    """Ids of the first seed's complete runs of the baseline and of its neighbours."""
    ids = {run.data.tags["run_key"]: run.info.run_id for run in chosen(ledger)}
    planned = [run for run in expand(study, digest) if run.seed == study.seeds[0]]
    return [
        ids[run.key]
        for cell in neighbours(study)
        for run in planned
        if run.cell == cell and run.key in ids
    ]


def neighbours(study: Study) -> Iterator[Levels]:
    """The baseline, then every cell that differs from it in one factor."""
    yield {factor: study.baseline[factor] for factor in study.factors}
    for factor, levels in study.factors.items():
        for level in levels:
            if level != study.baseline[factor]:
                yield {name: study.baseline[name] for name in study.factors} | {factor: level}
