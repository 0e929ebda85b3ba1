"""What a run of ours is where tags of it were deleted by hand: what follows from the rest of it.

It is filled in in memory only; `ablate doctor --repair` writes it back.
"""

from collections.abc import Mapping

from harness.store.artifacts import CONFIG, NotWhole, read_config
from harness.store.fetch import files_of
from harness.store.rows import Run
from harness.store.schema import IS_KIND, identity_tags, param_values, text
from harness.store.store import Store
from harness.study.plan import Run as Planned
from harness.study.study import Study

LACKING = "ablate.lacking"  # in memory only: what a run lacked, and was filled in
IDENTITY = {IS_KIND, "run_key", "study", "variant", "data_digest", "subject", "version"}


def kind_of(run: Run) -> str:
    """Whether it is a parent, "study", or a child, "run"."""
    tags = run.data.tags
    if tags.get(IS_KIND) in ("study", "run"):
        return str(tags[IS_KIND])
    return "run" if {"mlflow.parentRunId", "variant", "outcome"} & tags.keys() else "study"


def key_of_parent(study: str, steps: str, digest: str) -> str:
    """The identity of a parent run: a study with so many steps on these data."""
    return f"{study[:80]}/{steps}/{digest[:16]}"


def identify(store: Store, run: Run) -> bool:
    """Fill in which run it is where the tags were deleted; whether that is known then."""
    fill_in(run, {IS_KIND: kind_of(run)}, {})
    if "run_key" not in run.data.tags and (key := _derived_key(store, run)):
        fill_in(run, {"run_key": key}, {})
    return "run_key" in run.data.tags


def describe(run: Run, planned: Planned, study: Study, digest: str) -> None:
    """Fill in what follows from a run's key, where its tags or params were deleted.

    Args:
        run: whose key is known.
        planned: the run of that key.
        study: that plans it.
        digest: of the data.
    """
    values = param_values(planned)
    if not (run.data.tags.keys() >= IDENTITY and run.data.params.keys() >= values.keys()):
        tags = identity_tags(planned, study, digest)
        fill_in(run, {name: tags[name] for name in sorted(IDENTITY)}, values)


def fill_in(run: Run, tags: Mapping[str, str], values: Mapping[str, str]) -> None:
    """Add, in memory, the tags and params that a run lacks, and note which they were."""
    lacking = lacked(run)
    for known, given in ((run.data.tags, tags), (run.data.params, values)):
        missing = {name: value for name, value in given.items() if name not in known}
        known.update(missing)
        lacking += missing
    if lacking:
        run.data.tags[LACKING] = ", ".join(lacking)


def lacked(run: Run) -> list[str]:
    """Names of the tags and params that a run lacked."""
    return [name for name in run.data.tags.get(LACKING, "").split(", ") if name]


def _derived_key(store: Store, run: Run) -> str:
    """A parent's key follows from its other tags; a child's is in its files. "" where it is not."""
    tags = run.data.tags
    if kind_of(run) == "study":
        if not {"study", "steps", "data_digest"} <= tags.keys():
            return ""
        return key_of_parent(tags["study"], tags["steps"], tags["data_digest"])
    try:
        with files_of(store, run, CONFIG) as folder:
            config = read_config(folder)
    except NotWhole:
        return ""
    logged = {name: text(value) for name, value in {**config.fields, "seed": config.seed}.items()}
    same = all(run.data.params.get(name, value) == value for name, value in logged.items())
    return config.run_key if same else ""
