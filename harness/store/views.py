"""Saved views of a study in MLflow's UI: the columns, sorting, grouping and charts it opens with.

MLflow keeps them as JSON in experiment tags that its documentation does not describe. What another
version does not understand it leaves out, and shows its own default instead.
"""

import json
from typing import Any

from harness.study.study import Study

TAG = "mlflow.sharedViewState."
GROUPED_BY_VARIANT = {
    "aggregateFunction": "average",
    "groupByKeys": [{"mode": "tag", "groupByData": "variant"}],
}
CHOSEN = "chosen"  # the section of the charts chosen here


def views(study: Study) -> dict[str, str]:
    """The study's saved views as experiment tags: "runs", a table, "charts", and "factors"."""
    table = _table(study)
    curves = [name for name, curve in study.model.curves.items() if curve.charted]
    charts = _charts(study, [*map(_line, curves), _bar(study.primary)], columns=3)
    # MLflow draws no parallel coordinates of groups, since these have no params: its own view
    factors = _charts(study, [_parallel(study)], columns=1)
    states = {
        "runs": table,
        "charts": table | charts | {"groupBy": GROUPED_BY_VARIANT},
        "factors": table | factors,
    }
    return {f"{TAG}{name}": json.dumps(state) for name, state in states.items()}


def columns(study: Study) -> list[str]:
    """The table's columns: what decides, the factors, the seed, the outcome, and the rest."""
    return [
        f"metrics.`{study.primary}`",
        *(f"params.`{factor}`" for factor in study.factors),
        "params.`seed`",
        "tags.`outcome`",
        *(f"metrics.`{metric}`" for metric in study.model.headline if metric != study.primary),
    ]


def _table(study: Study) -> dict[str, Any]:
    return {
        "searchFilter": "tags.`ablate.kind` = 'run'",
        "orderByKey": f"metrics.`{study.primary}`",
        "orderByAsc": study.response().direction != "higher",
        "selectedColumns": columns(study),
        "columnOrder": columns(study),
        "runsHiddenMode": "SHOW_ALL",
        "groupBy": None,
    }


def _charts(study: Study, cards: list[dict[str, Any]], columns: int) -> dict[str, Any]:
    """The chosen charts; those that MLflow makes of all other metrics are folded below them."""
    names = [*study.model.curves, *study.model.responses]
    sections = [
        {"uuid": name, "name": name, "display": False, "isReordered": True}
        for name in sorted({name.partition("/")[0] for name in names})
    ]
    first = {
        "uuid": CHOSEN,
        "name": study.name,
        "display": True,
        "isReordered": True,
        "columns": columns,
    }
    return {
        "compareRunCharts": cards,
        "compareRunSections": [first, *sections],
        "isAccordionReordered": True,
    }


def _card(kind: str, name: str) -> dict[str, Any]:
    return {
        "type": kind,
        "uuid": f"{kind}-{name}",
        "metricSectionId": CHOSEN,
        "deleted": False,
        "isGenerated": False,
        "displayName": name,
    }


def _line(metric: str) -> dict[str, Any]:
    return _card("LINE", metric) | {
        "metricKey": metric,
        "selectedMetricKeys": [metric],
        "lineSmoothness": 0,
        "scaleType": "linear",
        "xAxisScaleType": "linear",
        "xAxisKey": "step",
        "selectedXAxisMetricKey": "",
        "yAxisKey": "metric",
        "yAxisExpressions": [],
        "range": {},
        "useGlobalXaxisKey": True,
        "useGlobalLineSmoothing": True,
    }


def _bar(metric: str) -> dict[str, Any]:
    return _card("BAR", metric) | {"metricKey": metric, "runsCountToCompare": 100}


def _parallel(study: Study) -> dict[str, Any]:
    return _card("PARALLEL", "parallel coordinates") | {
        "selectedParams": list(study.factors),
        "selectedMetrics": [study.primary],
        "showAllRuns": True,
    }
