"""Saved views of a study in MLflow's UI: which columns, sorting, grouping and charts it opens with.

MLflow keeps them as JSON in experiment tags that its documentation does not describe. What another
version does not understand it leaves out, and shows its own default instead.
"""

import json
from typing import Any

from harness.responses import RESPONSES
from harness.study import Study

TAG = "mlflow.sharedViewState."
CURVES = ("train/loss", "eval/dev_loss", "diag/saturation_worst", "diag/update_data")
FOLDED = ("diag", "eval", "final", "init", "last", "train")  # sections of all other metrics
GROUPED_BY_VARIANT = {
    "aggregateFunction": "average",
    "groupByKeys": [{"mode": "tag", "groupByData": "variant"}],
}


def views(study: Study) -> dict[str, str]:
    """The study's saved views as experiment tags: "runs", a table, "charts", and "factors"."""
    curves = [*(_line(metric) for metric in CURVES), _bar(study.primary)]
    return {
        f"{TAG}runs": json.dumps(_state(study)),
        f"{TAG}charts": json.dumps(
            _state(study) | _charts(study, curves) | {"groupBy": GROUPED_BY_VARIANT}
        ),
        # MLflow draws no parallel coordinates of groups, for these have no params: its own view
        f"{TAG}factors": json.dumps(_state(study) | _charts(study, [_parallel(study)], columns=1)),
    }


def _state(study: Study) -> dict[str, Any]:
    lower = RESPONSES[study.primary].lower_is_better
    return {
        "searchFilter": "tags.`ablate.kind` = 'run'",
        "orderByKey": f"metrics.`{study.primary}`",
        "orderByAsc": lower is not False,
        "selectedColumns": columns(study),
        "columnOrder": columns(study),
        "runsHiddenMode": "SHOW_ALL",
        "groupBy": None,
    }


def columns(study: Study) -> list[str]:
    """The table's columns: what decides, the factors, the seed, how the run ended, and the rest."""
    others = ("final/dev_loss", "final/train_loss", "final/saturation_worst",
              "last/gradient_growth", "last/update_data")  # fmt: skip
    return [
        f"metrics.`{study.primary}`",
        *(f"params.`{factor}`" for factor in study.factors),
        "params.`seed`",
        "tags.`outcome`",
        *(f"metrics.`{metric}`" for metric in others if metric != study.primary),
    ]


def _charts(study: Study, cards: list[dict[str, Any]], columns: int = 3) -> dict[str, Any]:
    first = {
        "uuid": "chosen", "name": study.name, "display": True, "isReordered": True,
        "columns": columns,
    }  # fmt: skip
    rest = [
        {"uuid": name, "name": name, "display": False, "isReordered": True} for name in FOLDED
    ]  # fmt: skip
    return {
        "compareRunCharts": cards,
        "compareRunSections": [first, *rest],
        "isAccordionReordered": True,
    }


def _card(kind: str, name: str) -> dict[str, Any]:
    return {
        "type": kind, "uuid": f"{kind}-{name}", "metricSectionId": "chosen", "deleted": False,
        "isGenerated": False, "displayName": name,
    }  # fmt: skip


def _line(metric: str) -> dict[str, Any]:
    return _card("LINE", metric) | {
        "metricKey": metric, "selectedMetricKeys": [metric], "lineSmoothness": 0,
        "scaleType": "linear", "xAxisScaleType": "linear", "xAxisKey": "step",
        "selectedXAxisMetricKey": "", "yAxisKey": "metric", "yAxisExpressions": [], "range": {},
        "useGlobalXaxisKey": True, "useGlobalLineSmoothing": True,
    }  # fmt: skip


def _bar(metric: str) -> dict[str, Any]:
    return _card("BAR", metric) | {"metricKey": metric, "runsCountToCompare": 100}


def _parallel(study: Study) -> dict[str, Any]:
    return _card("PARALLEL", "parallel coordinates") | {
        "selectedParams": list(study.factors), "selectedMetrics": [study.primary],
        "showAllRuns": True,
    }  # fmt: skip
