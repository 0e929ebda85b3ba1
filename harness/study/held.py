"""A study as it was last run, beside its file as it is now."""

from harness.errors import UserError
from harness.study.plan import run_key
from harness.study.study import Study

APART = ("name", "subject", "seeds", "fixed")  # keys that are not compared as they are written


def as_asked(held: Study, file: Study | None, seeds: tuple[int, ...] | None) -> Study:
    """The study that a report is about: as its file says, for what was run of it.

    Args:
        held: as it was last run. The steps are its own; so are the seeds, if the variants are.
        file: as its file says; None where it is gone.
        seeds: asked for instead.
    """
    if file is None:
        return held.override(seeds=seeds)
    if "steps" not in {*held.varied, *file.varied} and steps(held) != steps(file):
        file = file.override(steps=steps(held))
    if seeds is None and same_variants(held, file):
        seeds = held.seeds
    return file.override(seeds=seeds)


def same_variants(one: Study, other: Study) -> bool:
    """Whether two studies train the same variants, in whatever order and by whatever factors."""

    def keys(study: Study) -> set[str]:
        return {run_key(study.model, study.fields(cell), 0, "") for cell in study.trained()}

    try:
        return keys(one) == keys(other)
    except UserError:  # levels that the subject does not take any more
        return False


def changed(held: Study, now: Study) -> list[str]:
    """The keys of a study file that say something else now than when the study was last run."""
    found = [
        key for key in Study.model_fields
        if key not in APART and getattr(held, key) != getattr(now, key)
    ]  # fmt: skip
    fixed = [{**study.fixed, "steps": 0} for study in (held, now)]  # which may be asked for
    return found + ["fixed"] * (fixed[0] != fixed[1])


def steps(study: Study) -> int:
    """How long the first of a study's runs is trained."""
    return int(study.fields(next(study.trained())).steps)
