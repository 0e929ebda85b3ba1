"""What to say of a study's runs in the store: other runs of it, and what has changed since."""

import shlex
from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import dataclass

from harness.errors import counted, few
from harness.store.presentation import steps_text
from harness.store.runs import StudyRuns, key_of, outcome_of
from harness.study.plan import expand
from harness.study.seeds import seeds_text
from harness.study.study import Study


@dataclass(frozen=True)
class Others:
    """Complete runs of a study besides those that a command is about.

    Attributes:
        count: how many.
        what: what sets them apart, such as "with 1,000 steps".
        option: chooses them.
    """

    count: int
    what: str
    option: str

    def note(self, study: str) -> str:
        """That they are there, and how to use them."""
        return (
            f"the store also holds {counted(self.count, 'run')} of {study} {self.what}, "
            f"which reports keep apart. To continue there: {self.option}"
        )


def about(study: Study) -> str:
    """Steps and seeds of a study's runs."""
    steps = steps_text(study)
    length = f"{int(steps):,} steps" if steps.isdigit() else f"{steps} steps"
    return f"{length}, {_seeds(study.seeds)}"


def _seeds(seeds: Collection[int]) -> str:
    return f"seed{'s' * (len(seeds) > 1)} {seeds_text(seeds)}"


def other_runs(
    runs: StudyRuns, study: Study, digest: str, planned: Collection[str]
) -> list[Others]:
    """Complete runs of a study with other data, steps or seeds.

    Args:
        runs: of the study.
        study: as it is asked for.
        digest: of its data.
        planned: keys of its runs.
    """
    elsewhere, longer, left = runs.on_other_data(digest), Counter[int](), []
    for run in runs.children:
        if not outcome_of(run) or key_of(run) in planned:
            continue
        steps, seed = (run.data.params.get(name, "") for name in ("steps", "seed"))
        if run.data.tags.get("data_digest") != digest or not (steps.isdigit() and seed.isdigit()):
            continue
        if steps_text(study) not in ("varied", steps):
            longer[int(steps)] += 1
        elif int(seed) not in study.seeds:
            left.append((key_of(run), int(seed)))
    more = study.model_copy(update={"seeds": tuple({seed for _, seed in left})})
    keys = {run.key for run in expand(more, digest)}
    added = [seed for key, seed in left if key in keys]
    all_seeds = seeds_text({*study.seeds, *added})
    return [
        *(_on_data(study, data, count) for data, count in sorted(elsewhere.items())),
        *(Others(count, f"with {steps:,} steps", f"--steps {steps}")
          for steps, count in sorted(longer.items())),
        *([Others(len(added), f"with {_seeds(set(added))}", f"--seeds {all_seeds}")]
          if added else []),
    ]  # fmt: skip


def other_data(study: Study, data: str, count: int) -> str:
    """That the store holds so many runs of a study on other data, and how to use those."""
    return _on_data(study, data, count).note(study.name)


def _on_data(study: Study, data: str, count: int) -> Others:
    if study.model.has_data:  # no option names them
        return Others(count, f"on other {data}", "undo what changed the data")
    return Others(count, f"on {data}", f"--data {shlex.quote(data)}")


def on_changes(name: str, changed: Sequence[str]) -> str:
    """That a study's file says something else than what was last run of it."""
    return (
        f"{name} has changed since its last run, in: {', '.join(changed)}; the current file "
        "counts, with the runs that match it"
    )


def on_doubtful(names: Sequence[str], repair: str) -> str:
    """That ended runs of these names lost files or were changed, and the command that repairs."""
    return (
        f"ended runs with missing or damaged files, or changed afterwards: {few(names)}. "
        f"Train these again: {repair}"
    )
