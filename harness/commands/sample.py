"""`ablate sample`: names written by a trained run."""

import click


@click.command()
@click.argument("study")
@click.option(
    "--variant", metavar="FACTOR=LEVEL,…", default="", help="Where it differs from the baseline."
)
@click.option("--seed", type=int, help="Block whose run writes; default: the first that finished.")
@click.option(
    "-n", "count", type=click.IntRange(1, 10_000), default=20, help="How many; default 20."
)
@click.option("--prefix", default="", help="What every name begins with.")
@click.option("--temperature", type=click.FloatRange(0.01, 100), default=1.0, help="Default 1.")
@click.option("--draw", type=int, default=1, help="Seed of the draws; default 1.")
@click.pass_obj
def command(
    uri: str | None, study: str, variant: str, seed: int | None, count: int, prefix: str,
    temperature: float, draw: int,
) -> None:  # fmt: skip
    """Write names with a trained network of STUDY: the baseline's, or another variant's."""
    from harness.errors import UserError
    from harness.levels import parse_levels
    from harness.sampling import sample
    from harness.streams import stream
    from harness.study import load_study
    from harness.tracking.stored import find_variant

    resolved = load_study(study)
    levels = resolved.baseline | parse_levels(variant, resolved.factors)
    found = find_variant(uri, resolved.name, levels, seed)
    foreign = sorted(set(prefix) - set(found.alphabet[1:]))
    if foreign:
        raise UserError(
            "--prefix must be written in the data's alphabet", f"{''.join(foreign)!r}",
            f"Use characters of {found.alphabet[1:]!r}.",
        )  # fmt: skip
    names = sample(
        found.network, found.alphabet, found.fields.context, count,
        stream(draw, "samples"), prefix, temperature,
    )  # fmt: skip
    for name in names:
        click.echo(name)
