"""`ablate sample`: what a trained run writes."""

from typing import Any

import click

from harness.cli.options import pass_store, study_argument, study_name


@click.command()
@study_argument
@click.option(
    "--variant", metavar="FACTOR=LEVEL,…", default="", help="Where it differs from the baseline."
)
@click.option("--seed", type=int, help="Block whose run writes; default: the first that finished.")
@click.option(
    "-n", "count", type=click.IntRange(1, 10_000), default=20, help="How many; default 20."
)
@click.option("--prefix", default="", help="What every sample begins with.")
@click.option("--temperature", type=click.FloatRange(0.01, 100), default=1.0, help="Default 1.")
@click.option("--draw", type=int, default=1, help="Seed of the draws; default 1.")
@pass_store
def command(
    uri: str | None, /, study: str, variant: str, seed: int | None, draw: int, **request: Any
) -> None:
    """Write samples with a trained run of STUDY: the baseline's, or another variant's."""
    from harness.errors import UserError
    from harness.store.store import Store
    from harness.store.stored import find_variant
    from harness.study.files import load_study
    from harness.study.levels import parse_levels
    from harness.subjects.subject import SampleRequest

    resolved = load_study(study)
    levels = resolved.baseline | parse_levels(variant, resolved.varied)
    found = find_variant(Store.existing(uri), resolved, levels, seed)
    for why in found.passed_over:
        click.echo(f"passed over: {why}", err=True)
    samples = resolved.model.sample(found.trained, SampleRequest(seed=draw, **request))
    if samples is None:
        raise UserError(
            "samples need a subject that writes some",
            f"'{resolved.subject}', the subject of {study_name(study)}",
            "See `ablate show RUN` for what its runs hold.",
        )
    for sample in samples:
        click.echo(sample)
