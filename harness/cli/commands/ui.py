"""`ablate ui`: look at studies in MLflow's own interface."""

import signal
from typing import TYPE_CHECKING

import click

from harness.cli.options import (
    complete_studies,
    data_from_environment,
    data_option,
    naming,
    pass_store,
    seeds_option,
    steps_option,
)

if TYPE_CHECKING:
    from harness.store.store import Store
    from harness.study.request import Request

PORT = 5055  # not 5000, which macOS uses itself


@click.command()
@click.argument("studies", nargs=-1, metavar="[STUDY]...", shell_complete=complete_studies)
@steps_option
@seeds_option
@data_option
@click.option("--port", type=click.IntRange(1, 65535), default=PORT, show_default=True)
@click.option("--open", "browse", is_flag=True, help="Open the first address in a browser.")
@pass_store
def command(
    uri: str | None,
    studies: tuple[str, ...],
    steps: int | None,
    seeds: tuple[int, ...] | None,
    data: str | None,
    port: int,
    browse: bool,
) -> None:
    """Start MLflow's UI on this machine, and print where to look.

    With STUDY, the addresses lead to its runs, its charts, and the comparison of its baseline with
    each change of one factor; with several studies, also to all their runs. If the store is a
    server, the command starts nothing and prints addresses of the server's UI.
    """
    from harness.cli.signals import until_stopped
    from harness.store.server import serving
    from harness.store.store import Store
    from harness.store.uri import is_server, redacted
    from harness.study.request import Request

    store, environment = Store.existing(uri), data_from_environment()
    requests = [Request(study, steps, seeds, data, environment) for study in studies]
    if is_server(store.uri):
        _show(store, redacted(store.uri), requests, browse)
        return
    with until_stopped(), serving(store.uri, port) as server:
        _show(store, server, requests, browse)
        click.echo("Ctrl-C stops the server.")
        signal.pause()


def _show(store: "Store", server: str, requests: "list[Request]", browse: bool) -> None:
    """Print where to look, and open the first of it if asked to."""
    from harness.store.links import addresses, home, together
    from harness.store.selection import select

    chosen = []
    for request in requests:
        with naming(request.typed):
            selected, notes = select(store, request)
        chosen.append(selected)
        for note in notes:
            click.echo(note)
    found = {} if chosen else {"experiments": home(server)}
    if len(chosen) > 1:
        names = [selected["name"] for selected in chosen]
        found["all runs of these studies"] = together(store, server, names)
    for selected in chosen:
        of = f"{selected['name']}, " if len(chosen) > 1 else ""
        there = addresses(store, server, selected)
        found |= {f"{of}{what}": address for what, address in there.items()}
    for what, address in found.items():
        click.echo(f"{what}:\n  {address}")
    if browse:
        click.launch(next(iter(found.values())))
