"""The digest of an ended run: what decides of it, hashed when it ended, so that changes show.

It is no signature: it holds against slips and edits by hand, not against who computes it anew.
"""

import json
from collections.abc import Iterator, Mapping
from hashlib import sha256
from pathlib import Path

from harness.store.rows import Run

DIGEST = "digest"  # tag of an ended run
FILES = "files"  # tag: a digest of each of its files, as JSON by path
IMAGES, LAYERS = "images/", "layers/"  # where pictures lie; MLflow's UI looks for the first
DERIVED = (IMAGES, LAYERS)  # folders of a run's files that follow from the others
DECISIVE = ("run_key", "data_digest", "subject", "version", "outcome", "minibatches",
            "diverged_step", "diverged_cause", "device", "versions", FILES)  # fmt: skip
RESPONSES = ("init/", "last/", "final/")  # how the names of responses begin
DIGITS = 16  # hexadecimal


def digest_of(
    params: Mapping[str, str], tags: Mapping[str, str], metrics: Mapping[str, float]
) -> str:
    """The digest of a run's params, its decisive tags and its responses."""
    held = [
        {name: value for name, value in params.items() if value},  # "" may come back as none
        {name: tags.get(name, "") for name in DECISIVE},
        {
            name: (value + 0.0).hex()  # SQLite makes 0.0 of -0.0
            for name, value in metrics.items()
            if name.startswith(RESPONSES)
        },
    ]
    return hashed(json.dumps(held, sort_keys=True).encode())


def is_changed(run: Run) -> bool | None:
    """Whether an ended run has other values than when it ended; None where no digest was kept."""
    kept, data = run.data.tags.get(DIGEST), run.data
    return None if kept is None else kept != digest_of(data.params, data.tags, data.metrics)


def file_digests(folder: Path) -> str:
    """A digest of each file in a folder that decides, as JSON by relative path."""
    return json.dumps({name: hashed(payload) for name, payload in decisive_files(folder)})


def decisive_files(folder: Path) -> Iterator[tuple[str, bytes]]:
    """Relative path and content of each file in a run's folder but those that are derived."""
    for path in sorted(folder.rglob("*")):
        name = path.relative_to(folder).as_posix()
        if path.is_file() and not name.startswith(DERIVED):
            yield name, path.read_bytes()


def kept_files(run: Run) -> dict[str, str]:
    """The digests of a run's files by path; none where they were not kept."""
    try:
        return dict(json.loads(run.data.tags.get(FILES, "{}")))
    except (ValueError, TypeError):  # cut, since there are too many, or changed by hand
        return {}


def hashed(payload: bytes) -> str:
    """A hash in hexadecimal digits."""
    return sha256(payload).hexdigest()[:DIGITS]
