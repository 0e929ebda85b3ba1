"""Saved views of a study in MLflow's UI: the columns, sorting, grouping and charts it opens with.

MLflow keeps them as JSON in experiment tags that its documentation does not describe; its menu of
views lists them by their names. What another version does not understand it leaves out, and shows
its own default instead.
"""

import json
from typing import Any

from harness.study.study import Study

TAG = "mlflow.sharedViewState."
NAMES = {"runs": "all runs", "charts": "charts by variant", "factors": "factors and outcome"}
GROUPED_BY_VARIANT = {
    "aggregateFunction": "average",
    "groupByKeys": [{"mode": "tag", "groupByData": "variant"}],
}
LINE = json.loads("""{
    "lineSmoothness": 0, "scaleType": "linear", "xAxisScaleType": "linear", "xAxisKey": "step",
    "selectedXAxisMetricKey": "", "yAxisKey": "metric", "yAxisExpressions": [], "range": {},
    "useGlobalXaxisKey": true, "useGlobalLineSmoothing": true
}""")
SECTION = "chosen"  # of the charts chosen here


def views(study: Study, steps: str) -> dict[str, str]:
    """The study's saved views as experiment tags: "runs", a table, "charts", and "factors".

    Args:
        study: as it is run.
        steps: of its runs, "varied" where that is a factor. Else charts and factors are of runs of
            this length alone: means over runs of several lengths would say nothing.
    """
    primary, factors = study.primary, list(study.varied)
    charted = [name for name, curve in study.model.curves.items() if curve.charted]
    lines = [
        _card("LINE", name, metricKey=name, selectedMetricKeys=[name], **LINE) for name in charted
    ]
    bars = _card("BAR", primary, metricKey=primary, runsCountToCompare=100)
    parallel = _card(
        "PARALLEL",
        "parallel coordinates",
        selectedParams=factors,
        selectedMetrics=[primary],
        showAllRuns=True,
    )
    table = {
        "searchFilter": "tags.`ablate.kind` = 'run'",
        "orderByKey": f"metrics.`{primary}`",
        "orderByAsc": study.response().direction != "higher",
        "selectedColumns": columns(study),
        "columnOrder": columns(study),
        "runsHiddenMode": "SHOW_ALL",
        "groupBy": None,
    }
    length = f" and params.steps = '{steps}'" if steps.isdigit() else ""
    alike = table | {"searchFilter": f"{table['searchFilter']}{length}"}
    states = {
        "runs": table,
        "charts": alike | _charts(study, [*lines, bars], 3) | {"groupBy": GROUPED_BY_VARIANT},
        # MLflow draws no parallel coordinates of groups, since these have no params: its own view
        "factors": alike | _charts(study, [parallel], 1),
    }
    places = range(len(states), 0, -1)  # the menu lists the latest first
    return {
        f"{TAG}{view_key(view, steps)}": saved(view_name(view, steps), place, state)
        for place, (view, state) in zip(places, states.items(), strict=True)
    }


def view_key(view: str, steps: str) -> str:
    """What a view is found by; all but the table of all runs have one for each length of runs."""
    return f"{view}-{steps}" if view != "runs" and steps.isdigit() else view


def view_name(view: str, steps: str) -> str:
    """What MLflow's menu lists it as."""
    length = f", {int(steps):,} steps" if view_key(view, steps) != view else ""
    return f"{NAMES[view]}{length}"


def saved(name: str, created: int, state: dict[str, Any]) -> str:
    """A view as MLflow saves it; of a made-up time, so that it stays the same between sessions."""
    return json.dumps({"name": name, "createdAt": created, "state": json.dumps(state)})


def columns(study: Study) -> list[str]:
    """The table's columns: what decides, the factors, the seed, the outcome, and the rest."""
    return [
        f"metrics.`{study.primary}`",
        *(f"params.`{factor}`" for factor in study.varied),
        "params.`seed`",
        "tags.`outcome`",
        *(f"metrics.`{metric}`" for metric in study.model.headline if metric != study.primary),
    ]


def _card(kind: str, name: str, **settings: Any) -> dict[str, Any]:
    place = {"metricSectionId": SECTION, "deleted": False, "isGenerated": False}
    return {"type": kind, "uuid": f"{kind}-{name}", "displayName": name, **place, **settings}


def _charts(study: Study, cards: list[dict[str, Any]], columns: int) -> dict[str, Any]:
    """The chosen charts; those that MLflow makes of all other metrics are folded below them."""
    metrics = [*study.model.curves, *study.model.responses]
    others = sorted({metric.partition("/")[0] for metric in metrics})
    shown = {"uuid": SECTION, "name": study.name, "display": True, "columns": columns}
    folded = [{"uuid": name, "name": name, "display": False} for name in others]
    return {
        "compareRunCharts": cards,
        "compareRunSections": [section | {"isReordered": True} for section in (shown, *folded)],
        "isAccordionReordered": True,
    }
