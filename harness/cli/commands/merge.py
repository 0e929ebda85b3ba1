"""`ablate merge`: the runs of another store, brought into this one."""

import sys

import click

from harness.cli.options import pass_store


@click.command()
@click.argument("other", metavar="STORE")
@pass_store
def command(uri: str | None, other: str) -> None:
    """Bring the runs of another STORE into this one, each once.

    STORE is the folder of another mlflow.db, such as a laptop's, or the address of a store. It is
    only read. Complete runs that are not here come with all their files; runs that are here already
    stay as they are, and so do the definitions of studies that both have, with the seeds of both.

    Runs that were changed since they ended, or whose files are gone or damaged, are named and not
    brought; then the command exits with 1. One that was stopped is completed by the same command.
    """
    from harness.store.merge import merge_study, mergeable, require_another
    from harness.store.store import Store
    from harness.store.uri import redacted, store_at, tracking_uri

    place = store_at(other)
    require_another(place, tracking_uri(uri))
    source = Store.existing(place)
    studies = mergeable(source)
    target, left = Store.open(uri), 0
    click.echo(f"from {redacted(source.uri)} to {redacted(target.uri)}:")
    for study in studies:
        merged = merge_study(source, study, target)
        new = ", a new study here" if merged.new else ""
        here = f", {merged.here:,} were here already" if merged.here else ""
        click.echo(f"{merged.study}: {merged.brought:,} runs brought{here}{new}")
        if merged.differs:
            click.echo(f"  {', '.join(merged.differs)} differ there; the study stays as it is here")
        for why in merged.left:
            click.echo(f"  not brought: {why}")
        left += len(merged.left)
    sys.exit(1 if left else 0)
