"""The digests of a stored study's runs, for those who train them again."""

from harness.store.reading import StoredStudy
from harness.study.plan import Run, expand
from harness.training.digests import Digest


def run_digests(stored: StoredStudy) -> list[tuple[Run, Digest]]:
    """A study's complete runs in the order of its grid, each with its digest."""
    found = {}
    for key, run in stored.trained():
        columns = {name: run.trace[name].to_numpy() for name in run.trace}
        found[key] = Digest.of(run.outcome, run.files, columns, run.fields.steps)
    planned = expand(stored.study, stored.facts["digest"])
    return [(run, found[run.key]) for run in planned if run.key in found]
