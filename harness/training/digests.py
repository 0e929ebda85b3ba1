"""What is kept of published runs so that anyone can check their own against them, bit by bit.

`digests.csv` has one row a run: variant, seed, run_key, outcome; `trace`, a digest of everything
measured; under `files/…` a digest of each file (of a safetensors file, of its tensors); and under
`series/…` two hexadecimal digits for each block of steps in which the series was measured. Blocks
end at the probes of the run's schedule, so most hold one measurement; 120 runs take some 100 kB.
Runs of a tuned study at levels that were not chosen have no such digits.

The digests say whether a run is the same. The two digits only say where it begins to differ: once
two runs part, all that comes after differs too, and 255 of 256 times already the first block shows.
"""

import csv
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from hashlib import sha256
from io import StringIO
from pathlib import Path
from typing import NamedTuple

import numpy as np
from safetensors.numpy import load

from harness.errors import UserError
from harness.study.plan import Run
from harness.subjects.subject import Array
from harness.training.schedule import schedule

DIGESTS = "digests.csv"
LABELS = ("variant", "seed", "run_key", "outcome", "trace")
FILES, SERIES = "files/", "series/"
DIGITS, CHECK = 16, 2  # hexadecimal digits of a digest, and of a block's check


class Block(NamedTuple):
    """The measurements of a series within some steps.

    Attributes:
        check: the first digits of their hash.
        first, last: steps at which it was measured first and last.
    """

    check: str
    first: int
    last: int


@dataclass(frozen=True)
class Digest:
    """A run that has ended, in a few hundred letters.

    Attributes:
        outcome: how it ended.
        trace: of everything measured.
        files: of each file that the subject keeps, by relative path.
        blocks: of each series, in the order in which they were first measured.
    """

    outcome: str
    trace: str
    files: Mapping[str, str]
    blocks: Mapping[str, tuple[Block, ...]]

    @classmethod
    def of(
        cls, outcome: str, files: Mapping[str, bytes], columns: Mapping[str, Array], steps: int
    ) -> "Digest":
        """The digest of a run.

        Args:
            outcome: how it ended.
            files: what its subject keeps.
            columns: of its trace, as `Trace.columns` gives them.
            steps: that it takes in all.
        """
        whole, blocks = sha256(), {}
        for series in dict.fromkeys(columns["series"].tolist()):
            whole.update(series.encode())
            found = []
            for rows in _block_rows(columns, series, steps):
                payload = _payload(columns, rows)
                whole.update(payload)
                first, last = columns["step"][rows[[0, -1]]].tolist()
                found.append(Block(sha256(payload).hexdigest()[:CHECK], first, last))
            blocks[series] = tuple(found)
        kept = {name: _file_digest(payload) for name, payload in sorted(files.items())}
        return cls(outcome, whole.hexdigest()[:DIGITS], kept, blocks)

    def row(self) -> dict[str, str]:
        """Its part of a row of digests.csv."""
        checks = {name: "".join(b.check for b in found) for name, found in self.blocks.items()}
        return self.short_row() | {SERIES + name: check for name, check in checks.items()}

    def short_row(self) -> dict[str, str]:
        """The same without what tells where a run begins to differ."""
        files = {FILES + name: digest for name, digest in self.files.items()}
        return {"outcome": self.outcome, "trace": self.trace, **files}

    def difference(self, published: Mapping[str, str]) -> str:
        """What differs first from a published row, in words; "" if every bit is the same."""
        ours = self.row()
        if ours["trace"] != published["trace"]:
            return self._first_difference(published)
        files = [name for name in {**ours, **published} if name.startswith(FILES)]
        for name in ("outcome", *files):
            if ours.get(name, "") != published.get(name, ""):
                return f"{name.removeprefix(FILES)}, after the last step"
        return ""

    def _first_difference(self, published: Mapping[str, str]) -> str:
        known = {name.removeprefix(SERIES): checks for name, checks in published.items()
                 if name.startswith(SERIES) and checks}  # fmt: skip
        found = [
            (block.first, block.last, series)
            for series, blocks in self.blocks.items()
            for block in [_first_off(blocks, known.get(series, ""))]
            if block and known  # of a short row, no place is known
        ]
        if not found:
            missing = [name for name in known if name not in self.blocks]
            return f"{', '.join(missing) or 'the trace'}, at a step that is not known"
        first, last, series = min(found, key=lambda place: place[0])
        return f"{series}, {f'step {first:,}' if first == last else f'steps {first:,} to {last:,}'}"


def _first_off(blocks: tuple[Block, ...], checks: str) -> Block | None:
    """The first block whose check is another than the published one, or has none."""
    for place, block in enumerate(blocks):
        if checks[CHECK * place : CHECK * (place + 1)] != block.check:
            return block
    return None if len(checks) == CHECK * len(blocks) else blocks[-1]


def _block_rows(columns: Mapping[str, Array], series: str, steps: int) -> list[Array]:
    """The rows of a series in a trace, block by block."""
    rows = np.flatnonzero(columns["series"] == series)
    ends = sorted({*schedule(steps).probes, steps})
    block = np.searchsorted(ends, columns["step"][rows])
    return np.split(rows, np.flatnonzero(np.diff(block)) + 1)


def _payload(columns: Mapping[str, Array], rows: Array) -> bytes:
    """Some rows of a trace as bytes, alike on every machine."""
    places = np.stack([columns[name][rows] for name in ("step", "layer", "bin")])
    names = "\0".join(columns["name"][rows].tolist())
    values = columns["value"][rows].astype("<f8")
    return places.astype("<i8").tobytes() + names.encode() + values.tobytes()


def _file_digest(payload: bytes) -> str:
    """A digest of a file: of its tensors, where it holds some, however they are laid out in it."""
    whole = sha256()
    try:
        tensors = load(payload)
    except Exception:  # whatever safetensors raises: it is a file of another kind
        return sha256(payload).hexdigest()[:DIGITS]
    for name, tensor in sorted(tensors.items()):
        whole.update(f"{name}\0{tensor.dtype.str}\0{tensor.shape}\0".encode())
        whole.update(tensor.tobytes())
    return whole.hexdigest()[:DIGITS]


def digests_csv(digests: Iterable[tuple[Run, Digest]], judged: Collection[str]) -> str:
    """The text of digests.csv.

    Args:
        digests: of a study's complete runs.
        judged: keys of those that variants are judged by; of others, short rows do.
    """
    rows = [
        {"variant": run.variant, "seed": str(run.seed), "run_key": run.key,
         **(digest.row() if run.key in judged else digest.short_row())}
        for run, digest in digests
    ]  # fmt: skip
    columns = dict.fromkeys([*LABELS, *(name for row in rows for name in row)])
    text = StringIO()
    writer = csv.DictWriter(text, list(columns), restval="", lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue()


def is_located(row: Mapping[str, str]) -> bool:
    """Whether a row of digests.csv tells where its run would begin to differ."""
    return any(checks for name, checks in row.items() if name.startswith(SERIES))


def read_digests(path: Path) -> dict[str, dict[str, str]]:
    """The rows of `digests_csv`, by run key.

    Raises:
        UserError: the file is missing or is no such file.
    """
    try:
        with path.open(encoding="utf-8", newline="") as file:
            rows = list(csv.DictReader(file, strict=True))
    except (OSError, ValueError, csv.Error) as error:
        raise _unreadable(path, str(error)) from None
    if not rows or any(None in row or not {*LABELS} <= row.keys() for row in rows):
        raise _unreadable(path, f"{len(rows)} rows, some of them not whole")
    return {row["run_key"]: row for row in rows}


def _unreadable(path: Path, received: str) -> UserError:
    return UserError(
        f"{DIGESTS} must hold the digests of a published study's runs",
        f"{path} ({received})",
        "Put the file back, or write it with `ablate report STUDY --publish`.",
    )
