"""`ablate ui`: look at studies in MLflow's own interface."""

import signal

import click

from harness.commands.options import study_name

PORT = 5055  # not 5000, which macOS uses itself


@click.command()
@click.argument("study", required=False)
@click.option("--port", type=click.IntRange(1, 65535), default=PORT, show_default=True)
@click.option("--open", "browse", is_flag=True, help="Open the first address in a browser.")
@click.pass_obj
def command(uri: str | None, study: str | None, port: int, browse: bool) -> None:
    """Start MLflow's UI for the store in use, on this machine only, and print where to look.

    With STUDY, the addresses open on its runs, its charts, and its baseline against each change of
    one factor. Where the store is a server, its own UI is used and nothing is started.
    """
    from harness.tracking.server import serving, until_stopped
    from harness.tracking.store import Store
    from harness.tracking.uri import is_server, redacted, tracking_uri

    resolved = tracking_uri(uri)
    Store(resolved)
    if is_server(resolved):
        show(redacted(resolved), uri, study, browse)
        return
    with until_stopped(), serving(resolved, port) as server:
        show(server, uri, study, browse)
        click.echo("Ctrl-C stops the server.")
        signal.pause()


def show(server: str, uri: str | None, study: str | None, browse: bool) -> None:
    """Print where to look, and open the first of it if asked to."""
    from harness.tracking.links import addresses, home

    found = addresses(server, uri, study_name(study)) if study else {"experiments": home(server)}
    for what, address in found.items():
        click.echo(f"{what}:\n  {address}")
    if browse:
        click.launch(next(iter(found.values())))
