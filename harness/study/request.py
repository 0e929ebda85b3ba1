"""What a command line asks for: a study as it changes it, its data, and the whole grid of runs."""

import shlex
from dataclasses import dataclass
from pathlib import Path

from harness.errors import UserError
from harness.study.files import LARGEST_GRID, find_study, load_study
from harness.study.plan import Costs, Run, expand
from harness.study.seeds import seeds_text
from harness.study.study import Study
from harness.subjects.subject import Data, Subject


@dataclass(frozen=True)
class Request:
    """A study on a command line, with the options that change it.

    Attributes:
        study: its name, or the path of its file.
        steps, seeds: in the place of the file's, where given.
        data: what to train on instead of what the file names.
        environment: whether `data` come from ABLATE_DATA rather than from the command line; a
            subject with data of its own ignores them then.
    """

    study: str
    steps: int | None = None
    seeds: tuple[int, ...] | None = None
    data: str | None = None
    environment: bool = False

    @property
    def typed(self) -> str:
        """The study and its options, as they stand on a command line."""
        words = [self.study]
        if self.steps is not None:
            words += ["--steps", str(self.steps)]
        if self.seeds is not None:
            words += ["--seeds", seeds_text(self.seeds)]
        if self.data is not None and not self.environment:
            words += ["--data", self.data]
        return shlex.join(words)

    def resolve(self, *, any_size: bool = False) -> "Plan":
        """The study as asked for, its data, and its whole grid.

        Raises:
            UserError: one of them cannot be used, or the grid is very large and not agreed to.
        """
        study = load_study(self.study).override(steps=self.steps, seeds=self.seeds)
        if study.size() > LARGEST_GRID and not any_size:
            raise UserError(
                f"a grid must have at most {LARGEST_GRID:,} runs, unless you give `ablate run` "
                "--yes",
                f"{study.size():,} runs",
                "Remove levels or seeds, or add --yes.",
            )
        data = self.load_data(study)
        return Plan(study, data, expand(study, data.digest))

    def load_data(self, study: Study) -> Data:
        """The data to train on: the command line's, else the file's, else the subject's choice.

        Raises:
            UserError: they cannot be used.
        """
        if self.data is not None and not (self.environment and study.model.has_data):
            return study.model.load(self.data, Path())
        file = find_study(self.study)
        return study.model.load(study.data, file.parent if file else Path())


@dataclass(frozen=True)
class Plan:
    """A study with its data and its whole grid of runs, or those of them that are trained next."""

    study: Study
    data: Data
    runs: list[Run]

    @property
    def subject(self) -> Subject:
        """What is trained."""
        return self.study.model

    @property
    def costs(self) -> Costs:
        """What its runs cost."""
        return Costs(self.subject, self.data)
