"""`ablate data`: which corpus char_mlp trains on, what is in it, and how to change it."""

import click

from harness.cli.options import data_option


@click.command("data")
@data_option
@click.option(
    "--use", metavar="CORPUS", help="Use 'names.txt', 'embedded' or a file's path from now on."
)
def command(data: str | None, use: str | None) -> None:
    """Show the corpus that networks are trained on, or choose another."""
    from harness.output import wrapped_line
    from harness.subjects.corpus import describe, load_corpus, use_corpus

    corpus = load_corpus(data) if use is None else use_corpus(use)
    for line in describe(corpus).splitlines():
        click.echo(wrapped_line(line))
    if data is not None and use is not None:
        click.echo("Remembered; but --data or ABLATE_DATA is set, and comes first.")
