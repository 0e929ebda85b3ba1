"""Runs that another study of the store has finished: taken over, not trained again.

A run's key is a hash of all that defines it, so equal keys mean equal bits, whichever study the run
was trained for. `Tracker.take_over` copies such a run, with all that the store holds of it.
"""

from collections import Counter
from collections.abc import Collection, Mapping

from harness.store.digest import is_changed
from harness.store.rows import Run
from harness.store.runs import outcome_of
from harness.store.schema import CHILDREN, OURS
from harness.store.store import Store

# Tags that say how a run was made.
COPIED = ("outcome", "minibatches", "device", "versions", "seconds", "diverged_step",
          "diverged_cause", "mlflow.source.git.commit", "mlflow.loggedImages")  # fmt: skip
TAKEN_FROM = "taken_from"  # tag: the id of the run that another study had trained


def finished_elsewhere(
    store: Store, study: str, digest: str, keys: Collection[str]
) -> dict[str, Run]:
    """Complete runs of other studies by key, the oldest of each that is as it ended.

    Args:
        store: the store.
        study: whose own runs do not count.
        digest: of the data.
        keys: those wanted.
    """
    if not keys:
        return {}
    with store.reach():
        experiments = store.client.search_experiments(filter_string=OURS)
    query = f"{CHILDREN} AND attributes.status = 'FINISHED' AND tags.data_digest = '{digest}'"
    found: dict[str, Run] = {}
    for experiment in experiments:
        if experiment.name != study:
            for run in store.runs(experiment.experiment_id, query):
                key = run.data.tags.get("run_key", "")
                if key in keys and outcome_of(run) and is_changed(run) is False:
                    found.setdefault(key, run)
    return found


def about_taken(found: Mapping[str, Run]) -> str:
    """How many runs are not trained again, and from which studies they are taken over."""
    counts = Counter(run.data.tags.get("study", "another study") for run in found.values())
    named = ", ".join(f"{count:,} of {study}" for study, count in sorted(counts.items()))
    return f"reused, because other studies in this store have finished them: {named}"
