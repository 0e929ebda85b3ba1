"""`ablate merge`: the runs of another store, brought into this one."""

import sys

import click

from harness.cli.options import pass_store
from harness.errors import counted


@click.command()
@click.argument("other", metavar="STORE")
@pass_store
def command(uri: str | None, other: str) -> None:
    """Copy the runs of another STORE into this one.

    STORE is the folder of another mlflow.db, such as one from a laptop, or the URI of a store. It
    is only read. Complete runs that this store lacks are copied with all their files. Runs that it
    has stay unchanged. If both have a study, its definition here stays, with the seeds of both.

    Runs that were changed after they ended, or whose files are missing or damaged, are named but
    not copied; the exit code is then 1. To complete an interrupted merge, run the command again.
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
        here = f", {merged.here:,} already here" if merged.here else ""
        click.echo(f"{merged.study}: {counted(merged.brought, 'run')} copied{here}{new}")
        if merged.differs:
            click.echo(f"  {', '.join(merged.differs)} differ there; the definition here stays")
        for why in merged.left:
            click.echo(f"  not copied: {why}")
        left += len(merged.left)
    sys.exit(1 if left else 0)
