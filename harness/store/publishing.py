"""The digests of a stored study's runs, for those who train them again."""

from pathlib import Path

from harness.store.reading import StoredStudy
from harness.study.plan import expand
from harness.training.digests import DIGESTS, Digest, write_digests


def publish_digests(stored: StoredStudy, folder: Path) -> int:
    """Write the digests of a study's complete runs beside its report; returns how many they are."""
    found = {}
    for key, run in stored.trained():
        columns = {name: run.trace[name].to_numpy() for name in run.trace}
        found[key] = Digest.of(run.outcome, run.files, columns, run.fields.steps)
    planned = expand(stored.study, stored.facts["digest"])
    write_digests(folder / DIGESTS, [(r, found[r.key]) for r in planned if r.key in found])
    return len(found)
