"""A study with declared looks, look by look: what `ablate run` trains next, and what it says of it.

`analysis/stages.py` decides which runs a look needs, for a session as for reports. May import:
everything but `flow` and `cli`.
"""

from collections.abc import Callable, Iterator
from dataclasses import replace

from harness.analysis.frames import StudyData
from harness.analysis.gather import gather
from harness.analysis.stages import Stage, ended_runs, named, needed_runs, stages
from harness.errors import UserError, counted, few
from harness.store.reading import read_planned
from harness.store.store import Store
from harness.store.tracker import Tracker
from harness.study.request import Plan
from harness.study.study import Study


def look_by_look(
    plan: Plan, store: Store, tracker: Tracker, say: Callable[[str], None]
) -> Iterator[Plan]:
    """The runs that a study needs as far as is known, again and again until no more are needed.

    All of them must have ended before the next is asked for. The claims are judged from the store
    each time, so that a session goes on where an earlier one was stopped. Without looks that
    decide, it is the whole plan, once.

    Args:
        plan: the study with its whole grid.
        store: holds what has been trained.
        tracker: its `expected` is set to the runs expected so far.
        say: prints a line.
    """
    study = plan.study
    if not (study.declared_looks and study.claims):
        yield plan
        return
    said = 0
    for _ in range(len(study.stage_ends) + 1):
        data = judged(store, plan)
        known = stages(data)
        expected = needed_runs(known) | ended_runs(data)
        runs = [run for run in plan.runs if (run.variant, run.seed) in expected]
        tracker.expected = {run.key for run in runs}
        ended = [stage for stage in known if stage.ended]
        for stage in ended[said:]:
            say(about_look(study, stage))
        said = len(ended)
        if not known[-1].ended:
            say(about_next(study, known[-1]))
        elif unneeded := len(plan.runs) - len(runs):
            say(f"{unneeded:,} of {len(plan.runs):,} runs were not needed")
        yield replace(plan, runs=runs)
        if known[-1].ended:
            return


def judged(store: Store, plan: Plan) -> StudyData:
    """What the store holds of a plan's runs, as a report reads it, but without curves.

    Raises:
        UserError: some were changed since they ended, and would decide what is trained.
    """
    facts = plan.data.facts(plan.runs[0].fields)
    data = gather(read_planned(store, plan.study, plan.runs, facts))
    changed = data.trained[data.trained["changed"] == "yes"]
    if len(changed):
        raise UserError(
            "claims need runs that have not changed since they ended",
            f"{counted(len(changed), 'changed run')}: {few(list(changed['run_name']))}",
            "Train these again: ablate run STUDY --repair.",
        )
    return data


def about_look(study: Study, stage: Stage) -> str:
    """How many claims are settled at the end of a stage, and which are not."""
    if stage.look not in study.declared_looks:
        at = ", ".join(map(str, study.declared_looks))
        return f"{stage.look} seeds have ended; the study looks at {at} seeds only"
    count, left = len(study.claims), len(stage.unsettled)
    settled = f"{count - left} of {count} claims {'is' if count - left == 1 else 'are'} settled"
    unsettled = f"; not settled: {', '.join(stage.unsettled)}" if left else ""
    return f"look at {stage.look} seeds: {settled}{unsettled}"


def about_next(study: Study, stage: Stage) -> str:
    """What a stage trains, and until when."""
    cells = study.size() // len(study.seeds)
    which = f"all {cells} variants"
    if len(stage.variants) < cells:
        which = f"{len(stage.variants)} of {cells} variants, those that unsettled claims need"
    return f"next: {named(stage.seeds)} of {which}"
