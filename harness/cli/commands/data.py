"""`ablate data`: which corpus char_mlp trains on, what is in it, and how to change it."""

import click

from harness.cli.options import data_option


@click.command("data")
@data_option
@click.option("--use", metavar="CORPUS", help="From now on use 'names.txt', 'embedded', or a file.")
def command(data: str | None, use: str | None) -> None:
    """Show the corpus used for training, or choose another one."""
    from harness.output import wrapped_line
    from harness.subjects.corpus import describe, load_corpus, use_corpus

    corpus = load_corpus(data) if use is None else use_corpus(use)
    for line in describe(corpus).splitlines():
        click.echo(wrapped_line(line))
    if data is not None and use is not None:
        click.echo("The choice is saved, but --data or ABLATE_DATA is set and takes precedence.")
