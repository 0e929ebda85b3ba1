"""Which runs a study with declared looks needs: what `ablate run` trains and reports expect.

The runs come in stages, one up to each look. The first is every variant with the seeds of the
first look. A later one is smaller: the look's further seeds, of the variants that claims need which
no earlier look has settled. It is known only once every run of the stage before has ended. Without
looks or claims there is one stage, the whole grid.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from harness.analysis.frames import StudyData
from harness.analysis.grid import Grid, grid
from harness.analysis.statements import variants_of
from harness.analysis.verdicts import bare_verdict
from harness.study.plan import variant_label
from harness.study.seeds import seeds_text
from harness.study.study import Study


@dataclass(frozen=True)
class Stage:
    """The runs that one look needs beside those of the looks before.

    Attributes:
        look: the number of seeds at its end.
        seeds: those since the look before.
        variants: trained with these seeds, by name.
        ended: whether all of these runs have.
        unsettled: ids of the claims that neither this look nor one before has settled.
    """

    look: int
    seeds: tuple[int, ...]
    variants: tuple[str, ...]
    ended: bool
    unsettled: tuple[str, ...]

    @property
    def runs(self) -> set[tuple[str, int]]:
        """Variant and seed of each run."""
        return {(variant, seed) for variant in self.variants for seed in self.seeds}


def stages(data: StudyData) -> list[Stage]:
    """The stages that are known to be needed; of all but the last every run has ended."""
    study = data.study
    everywhere = [variant_label(cell) for cell in study.trained()]
    ended = ended_runs(data)
    known: list[Stage] = []
    open_claims, needed, start = list(study.claims), set(everywhere), 0
    for end in study.stage_ends:
        variants = tuple(variant for variant in everywhere if variant in needed)
        stage = Stage(end, study.seeds[start:end], variants, ended=False, unsettled=())
        whole = stage.runs <= ended
        if whole and end in study.declared_looks:
            seeds = study.seeds[:end]
            grids = {claim.response: grid(data, claim.response) for claim in open_claims}
            open_claims = [
                claim for claim in open_claims
                if not bare_verdict(study, claim, grids[claim.response].of_seeds(seeds)).settled
            ]  # fmt: skip
        unsettled = tuple(claim.id for claim in open_claims)
        known.append(replace(stage, ended=whole, unsettled=unsettled))
        if not whole or not unsettled:
            break
        needed = {variant for claim in open_claims for variant in variants_of(study, claim)}
        start = end
    return known


def ended_runs(data: StudyData) -> set[tuple[str, int]]:
    """Variant and seed of each complete run of the study's grid."""
    seeds, variants = set(data.study.seeds), {variant_label(cell) for cell in data.study.trained()}
    there = zip(data.all_ended["variant"], data.all_ended["seed"], strict=True)
    return {(variant, seed) for variant, seed in there if variant in variants and seed in seeds}


def needed_runs(known: Iterable[Stage]) -> set[tuple[str, int]]:
    """Variant and seed of each run that these stages need."""
    return {run for stage in known for run in stage.runs}


def expected_runs(data: StudyData) -> set[tuple[str, int]]:
    """The runs that an account of the study counts: those needed, and others that have ended."""
    return needed_runs(stages(data)) | ended_runs(data)


def count_seeds(runs: Iterable[tuple[str, int]]) -> int:
    """How many seeds there are among these runs."""
    return len({seed for _, seed in runs})


def needed_grid(data: StudyData, response: str) -> Grid:
    """A response of the study's runs; those that no look needs do not count as missing."""
    whole = grid(data, response)
    if len(data.study.stage_ends) == 1:
        return whole
    unneeded = whole.values.isna() & ~whole.diverged
    for variant, seed in needed_runs(stages(data)):
        unneeded.loc[variant, seed] = False
    return replace(whole, unneeded=unneeded)


def about_stages(study: Study, known: Sequence[Stage]) -> list[str]:
    """Which seeds were trained for which variants, and which were not needed, as sentences."""
    cells = study.size() // len(study.seeds)
    said = [
        f"{named(stage.seeds).capitalize()}: {'trained' if stage.ended else 'needed'} only for "
        f"{len(stage.variants)} of {cells} variants, those that unsettled claims need."
        for stage in known[1:] if len(stage.variants) < cells
    ]  # fmt: skip
    last, rest = known[-1], study.seeds[known[-1].look :]
    if rest and last.ended:
        why = f"not needed, because all claims were settled with {last.look} seeds"
        said.append(f"{named(rest).capitalize()}: {why}.")
    elif rest:
        why = f"needed only if claims are unsettled at the look at {last.look} seeds"
        said.append(f"{named(rest).capitalize()}: {why}, whose runs are incomplete.")
    return said


def named(seeds: Sequence[int]) -> str:
    """Seeds in words.

    >>> named((6, 7, 8)), named((3,))
    ('seeds 6-8', 'seed 3')
    """
    return f"seed{'s' if len(seeds) > 1 else ''} {seeds_text(seeds)}"
