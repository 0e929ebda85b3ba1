"""Addresses of runs in MLflow's UI."""

import json
from collections.abc import Mapping
from urllib.parse import quote

from harness.report.document import Link

LOCAL_UI = "http://127.0.0.1:5055"  # where `ablate ui` shows a store that is no server
MODE = "?workflowType=machine_learning"  # else MLflow opens in its layout for language models


def ui(facts: Mapping[str, str]) -> str:
    """Where the UI answers, without a slash at the end: the server, or what `ablate ui` starts."""
    address = facts.get("tracking_uri", "")
    return address.rstrip("/") if address.startswith(("http://", "https://")) else LOCAL_UI


def linked(facts: Mapping[str, str]) -> bool:
    """Whether the runs' place in MLflow is known."""
    return bool(facts.get("experiment_id"))


def run_link(facts: Mapping[str, str], text: str, run_id: str) -> Link | str:
    """A run's page, or the text alone where its place is not known."""
    if not linked(facts):
        return text
    place = f"experiments/{quote(facts['experiment_id'])}/runs/{quote(run_id)}"
    return Link(text, f"{ui(facts)}/{MODE}#/{place}")


def compare_link(facts: Mapping[str, str], text: str, run_ids: list[str]) -> Link | str:
    """The page that compares runs, or the text alone where their place is not known."""
    if len(run_ids) < 2:
        return run_link(facts, text, run_ids[0]) if run_ids else text
    if not linked(facts):
        return text
    runs = quote(json.dumps(run_ids, separators=(",", ":")))
    experiments = quote(json.dumps([facts["experiment_id"]]))
    return Link(text, f"{ui(facts)}/{MODE}#/compare-runs?runs={runs}&experiments={experiments}")
