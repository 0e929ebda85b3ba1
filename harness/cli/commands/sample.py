"""`ablate sample`: what a trained run writes."""

from typing import TYPE_CHECKING, Any

import click

from harness.cli.commands.show import run_of_study
from harness.cli.options import complete_levels, pass_store, study_options

if TYPE_CHECKING:
    from harness.study.request import Request


@click.command()
@study_options
@click.argument(
    "names", nargs=-1, metavar="[FACTOR=LEVEL]... [seed=N]", shell_complete=complete_levels
)
@click.option("--variant", metavar="FACTOR=LEVEL,…", default="", help="The same as FACTOR=LEVEL…")
@click.option("--seed", type=int, help="The same as seed=N.")
@click.option(
    "-n", "count", type=click.IntRange(1, 10_000), default=20, help="How many; default 20."
)
@click.option("--prefix", default="", help="Text that every sample begins with.")
@click.option("--temperature", type=click.FloatRange(0.01, 100), default=1.0, help="Default 1.")
@click.option("--draw", type=int, default=1, help="Seed of the random draws; default 1.")
@pass_store
def command(
    uri: str | None,
    /,
    request: "Request",
    names: tuple[str, ...],
    variant: str,
    seed: int | None,
    draw: int,
    **asked: Any,
) -> None:
    """Write samples with a trained run of STUDY.

    FACTOR=LEVEL says where the variant differs from the baseline, and seed=N chooses its run;
    default: the first finished run.
    """
    from harness.errors import UserError
    from harness.store.store import Store
    from harness.subjects.subject import SampleRequest

    found = run_of_study(Store.existing(uri), request, [variant, *names], seed)
    samples = found.subject.sample(found.trained, SampleRequest(seed=draw, **asked))
    if samples is None:
        raise UserError(
            "the subject must write samples",
            f"'{found.subject.name}', the subject of {found.tags.get('study', request.study)}",
            f"`ablate show {found.key}` shows what the run holds.",
        )
    for sample in samples:
        click.echo(sample)
