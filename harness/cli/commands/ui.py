"""`ablate ui`: look at studies in MLflow's own interface."""

import signal
from typing import TYPE_CHECKING

import click

from harness.cli.options import naming, pass_store, runnable, study_name

if TYPE_CHECKING:
    from harness.store.store import Store

PORT = 5055  # not 5000, which macOS uses itself


@click.command()
@click.argument("studies", nargs=-1, metavar="[STUDY]...")
@click.option("--port", type=click.IntRange(1, 65535), default=PORT, show_default=True)
@click.option("--open", "browse", is_flag=True, help="Open the first address in a browser.")
@pass_store
def command(uri: str | None, studies: tuple[str, ...], port: int, browse: bool) -> None:
    """Start MLflow's UI for the store in use, on this machine only, and print where to look.

    With STUDY, the addresses open on its runs, its charts, and its baseline against each change of
    one factor; with several, on the runs of all of them too. Where the store is a server, its own
    UI is used and nothing is started.
    """
    from harness.cli.signals import until_stopped
    from harness.store.server import serving
    from harness.store.store import Store
    from harness.store.uri import is_server, redacted

    store = Store.existing(uri)
    if is_server(store.uri):
        _show(store, redacted(store.uri), studies, browse)
        return
    with until_stopped(), serving(store.uri, port) as server:
        _show(store, server, studies, browse)
        click.echo("Ctrl-C stops the server.")
        signal.pause()


def _show(store: "Store", server: str, studies: tuple[str, ...], browse: bool) -> None:
    """Print where to look, and open the first of it if asked to."""
    from harness.store.links import addresses, home, together

    names = [study_name(study) for study in studies]
    found = {} if studies else {"experiments": home(server)}
    if len(names) > 1:
        found["all runs of these studies"] = together(store, server, names)
    for study, name in zip(studies, names, strict=True):
        of = f"{name}, " if len(names) > 1 else ""
        with naming(runnable(study)):
            there = addresses(store, server, name)
        found |= {f"{of}{what}": address for what, address in there.items()}
    for what, address in found.items():
        click.echo(f"{what}:\n  {address}")
    if browse:
        click.launch(next(iter(found.values())))
