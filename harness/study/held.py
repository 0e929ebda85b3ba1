"""A study as it was last run, beside its file as it is now."""

from harness.errors import UserError
from harness.study.plan import run_key
from harness.study.study import Study

APART = ("name", "subject", "seeds", "fixed")  # keys that are not compared as they are written


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
