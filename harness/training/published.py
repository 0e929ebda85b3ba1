"""Published studies, and sampled runs of them trained again.

A published study is the folder of a report with `digests.csv` in it: the report says what was run
and on which data, the digests what came of it.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from harness.errors import UserError, suggest
from harness.study.plan import Run, expand
from harness.study.study import Study
from harness.subjects.subject import Data
from harness.training.digests import DIGESTS, Digest, is_located, read_digests

PUBLISHED = Path("reports/published")


@dataclass(frozen=True)
class Published:
    """A study whose runs others can train again.

    Attributes:
        name: of its folder.
        study: as it was resolved.
        data, data_digest: what it was trained on.
        rows: of digests.csv, by run key.
    """

    name: str
    study: Study
    data: str
    data_digest: str
    rows: Mapping[str, Mapping[str, str]]

    @classmethod
    def load(cls, folder: Path) -> "Published":
        """The published study in a folder.

        Raises:
            UserError: it has no digests, or cannot be read.
        """
        rows = read_digests(folder / DIGESTS)
        try:
            whole = json.loads((folder / "data" / "study.json").read_text(encoding="utf-8"))
            study, facts = Study.model_validate(whole["study"]), whole["facts"]
            return cls(folder.name, study, str(facts["name"]), str(facts["digest"]), rows)
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise UserError(
                "a published study must be readable by this version",
                f"{folder} ({str(error).splitlines()[0]})",
                "Check out the version that it was published with.",
            ) from None

    def sampled(self, count: int) -> list[Run]:
        """So many of its runs, evenly spread over the grid: first those of which it is known where
        they would begin to differ.

        Raises:
            UserError: they are not runs of this version of the subject.
        """
        known = [run for run in expand(self.study, self.data_digest) if run.key in self.rows]
        if not known:
            raise UserError(
                "a published study must have been trained with the installed version of its "
                "subject",
                f"{self.name}, but {self.study.subject} is now version {self.study.model.version}",
                "Check out the version that it was published with, or publish it again.",
            )
        located = [run for run in known if is_located(self.rows[run.key])]
        known = located if count <= len(located) else known
        count = min(count, len(known))
        return [known[(2 * place + 1) * len(known) // (2 * count)] for place in range(count)]

    def compare(self, runs: Sequence[Run], data: Data) -> Iterator[tuple[Run, str]]:
        """Train these runs; each with what differs first, "" if every bit is the same."""
        from harness.training.verify import retrain  # loads torch, which reports do without

        for run in runs:
            result = retrain(run, [], self.study.model, data)
            columns = result.trace.columns()
            found = Digest.of(result.outcome, result.files, columns, run.fields.steps)
            yield run, found.difference(self.rows[run.key])


def per_machine(study: Study) -> str:
    """Why there is nothing to compare of a study whose subject has not the same bits everywhere."""
    return f"{study.subject} has the same bits only on machines of one type, with equal versions"


def published_folders(names: Sequence[str], root: Path = PUBLISHED) -> list[Path]:
    """The folders of published studies: those named, or all that have digests.

    Raises:
        UserError: one named is not there, or there is none at all.
    """
    there = {path.parent.name: path.parent for path in sorted(root.glob(f"*/{DIGESTS}"))}
    for name in names:
        if name not in there:
            raise UserError(
                f"a published study must have its {DIGESTS} in {root}",
                repr(name),
                suggest(name, there, "studies") if there else "None is published there.",
            )
    if not there:
        raise UserError(
            f"a published study must have its {DIGESTS} in {root}",
            "none",
            "Change to the folder that holds `reports`, or publish a study: ablate report STUDY "
            "--publish.",
        )
    return [there[name] for name in names or there]
