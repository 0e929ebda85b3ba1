"""The metrics that a user's file declares, and the responses made of them."""

import re
from collections.abc import Mapping
from typing import Any

from harness.errors import suggest
from harness.subjects.subject import Response
from harness.subjects.trace import LARGEST
from harness.subjects.user_file import LONGEST_NAME, UserFile

DECLARED = ("label", "unit", "direction", "cap")  # what METRICS may hold of a metric


def declared_metrics(file: UserFile) -> Mapping[str, Mapping[str, Any]]:
    """What the file's `METRICS` declares of its metrics, by name.

    Raises:
        UserError: it is no such table.
    """
    found = file.get("METRICS", {})
    rule = "METRICS must be a dictionary of dictionaries by the metrics' names"
    if not isinstance(found, dict) or not all(isinstance(one, dict) for one in found.values()):
        example = 'Write {"accuracy": {"unit": "share", "direction": "higher"}}.'
        raise file.refuse(rule, repr(found)[:80], example)
    for name, declared in found.items():
        if not is_metric_name(name):
            raise file.refuse(
                f"names of metrics must consist of letters, digits and _, {LONGEST_NAME} at most",
                repr(name)[:LONGEST_NAME],
                "Rename it.",
            )
        if unknown := sorted(map(str, declared.keys() - set(DECLARED))):
            raise file.refuse(
                f"METRICS may say {', '.join(DECLARED)} of '{name}'",
                ", ".join(unknown),
                suggest(unknown[0], DECLARED, "keys"),
            )
        for key in ("label", "unit"):
            text = declared.get(key, "")
            if not isinstance(text, str) or not text.isprintable() or len(text) > LONGEST_NAME:
                raise file.refuse(
                    f"the {key} of '{name}' must be a text of a line, {LONGEST_NAME} characters at "
                    "most",
                    repr(text)[:LONGEST_NAME],
                    "Write one.",
                )
        if declared.get("direction") not in (None, "lower", "higher"):
            raise file.refuse(
                f"the direction of '{name}' must be 'lower' or 'higher'",
                repr(declared["direction"]),
                "Choose one, or leave it out.",
            )
        cap = declared.get("cap")
        number = isinstance(cap, int | float) and not isinstance(cap, bool) and abs(cap) <= LARGEST
        if cap is not None and not number:
            raise file.refuse(
                f"the cap of '{name}' must be a number", repr(cap), "Write one, or leave it out."
            )
    return found


def is_metric_name(name: object) -> bool:
    """Whether MLflow and tables can take it as part of a metric's name."""
    return (
        isinstance(name, str)
        and len(name) <= LONGEST_NAME
        and re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]*", name) is not None
    )


def final_response(name: str, series: str, metric: str, declared: Mapping[str, Any]) -> Response:
    """A response that is the last value of a series.

    Args:
        name: of the response, after "final/".
        series: whose last value it is.
        metric: "loss", or another; a loss is better lower, others higher unless they say so.
        declared: what the file declares of the metric: any of `DECLARED`.
    """
    cap = declared.get("cap")
    usual = "lower" if "loss" in metric or "error" in metric else "higher"
    label = name.replace("_", " ")
    if "label" in declared:
        label = label.replace(metric.replace("_", " "), declared["label"])
    return Response(
        f"final/{name}",
        label,
        "after the last step",
        lambda run: float(run.last(series)),
        unit=declared.get("unit", ""),
        direction=declared.get("direction", usual),
        cap=None if cap is None else (lambda _: float(cap)),
        selects=not name.startswith("test"),
        elsewhere=f"final/test_{metric}" if name == f"dev_{metric}" else "",
    )
