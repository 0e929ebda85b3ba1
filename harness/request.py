"""What a command line asks for: a study as it changes it, its data, and the whole grid of runs."""

from harness.corpus import Corpus, load_corpus
from harness.errors import UserError
from harness.plan import Run, expand
from harness.study import LARGEST_GRID, Study, load_study


def resolve(
    study: str, steps: int | None, seeds: tuple[int, ...] | None, data: str | None,
    yes: bool = False,
) -> tuple[Study, Corpus, list[Run]]:  # fmt: skip
    """The study with what the command line changes of it, its data, and its whole grid.

    Raises:
        UserError: one of them cannot be used, or the grid is very large and not agreed to.
    """
    resolved = load_study(study).override(steps=steps, seeds=seeds)
    if resolved.size() > LARGEST_GRID and not yes:
        raise UserError(
            f"a grid has at most {LARGEST_GRID:,} runs, unless `ablate run` is given --yes",
            f"{resolved.size():,} runs", "Take out levels or seeds, or add --yes.",
        )  # fmt: skip
    corpus = load_corpus(data)
    return resolved, corpus, expand(resolved, corpus.digest)
