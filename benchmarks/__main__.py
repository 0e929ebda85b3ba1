"""`python -m benchmarks`: how fast this machine trains, against targets."""

import sys
from collections.abc import Iterable
from itertools import chain
from pathlib import Path

import click

from benchmarks.ladder import draw
from benchmarks.machine import describe, write_json
from benchmarks.rows import Row, network_rows, with_both_cores
from benchmarks.whole import whole_rows
from harness.subjects.corpus import load_corpus


@click.command()
@click.option("--quick", is_flag=True, help="Steps only, in under a minute.")
@click.option("--rounds", type=click.IntRange(1), default=7, help="Repetitions; default 7.")
@click.option("--data", metavar="DATA", envvar="ABLATE_DATA", help="A name or a text file.")
@click.option("--output", metavar="DIR", default="reports/bench", help="Default: reports/bench.")
def main(quick: bool, rounds: int, data: str | None, output: str) -> None:
    """Time this machine's steps and commands, side by side, and compare them with targets.

    Prints medians with their spread, writes bench.json and ladder.png, exits with 1 if a target
    is missed.
    """
    machine = describe()
    click.echo(machine)
    measured: Iterable[Row] = network_rows(rounds)
    if not quick:
        progress = whole_rows(load_corpus(data), lambda what: click.echo(f"… {what}", err=True))
        measured = chain(measured, progress)
    rows = [_shown(row) for row in with_both_cores(measured)]
    folder = Path(output)
    folder.mkdir(parents=True, exist_ok=True)
    write_json(rows, machine, folder / "bench.json")
    draw(rows, machine, folder / "ladder.png")
    click.echo(f"{folder}/bench.json, {folder}/ladder.png")
    sys.exit(1 if any(row.verdict() == "MISSED" for row in rows) else 0)


def _shown(row: Row) -> Row:
    bounds = [f"{bound:g}" for bound in (row.target, row.beyond) if bound is not None]
    sign = "≥" if row.at_least else "≤"
    target = f"{sign} {' / '.join(bounds)}" if bounds else ""
    click.echo(f"{row.label:75} {row.measured!s:>24} {row.unit:2} {target:10} {row.verdict()}")
    return row


if __name__ == "__main__":
    main()
