"""`ablate bench`: how fast this machine trains, against targets."""

import sys
from itertools import chain
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from collections.abc import Iterable

    from harness.bench.rows import Row


@click.command()
@click.option("--quick", is_flag=True, help="Steps only, in under a minute.")
@click.option("--rounds", type=click.IntRange(1), default=7, help="Repetitions; default 7.")
@click.option("--data", metavar="FILE", envvar="ABLATE_DATA", help="Text, one item a line.")
@click.option("--output", metavar="DIR", default="reports/bench", help="Default: reports/bench.")
def command(quick: bool, rounds: int, data: str | None, output: str) -> None:
    """Time this machine's steps and commands, side by side, and hold them against targets.

    Prints medians with their spread, writes bench.json and ladder.png, exits with 1 if a target
    is missed.
    """
    from pathlib import Path

    from harness.bench.ladder import draw
    from harness.bench.machine import describe, write_json
    from harness.bench.rows import network_rows, with_both_cores

    machine = describe()
    click.echo(machine)
    measured: Iterable[Row] = network_rows(rounds)
    if not quick:
        from harness.bench.whole import whole_rows
        from harness.corpus import load_corpus

        def say(what: str) -> None:
            click.echo(f"… {what}", err=True)

        measured = chain(measured, whole_rows(load_corpus(data), say))
    rows = [_shown(row) for row in with_both_cores(measured)]
    folder = Path(output)
    folder.mkdir(parents=True, exist_ok=True)
    write_json(rows, machine, folder / "bench.json")
    draw(rows, machine, folder / "ladder.png")
    click.echo(f"{folder}/bench.json, {folder}/ladder.png")
    sys.exit(1 if any(row.verdict() == "MISSED" for row in rows) else 0)


def _shown(row: "Row") -> "Row":
    bounds = [f"{bound:g}" for bound in (row.target, row.beyond) if bound is not None]
    sign = "≥" if row.at_least else "≤"
    target = f"{sign} {' / '.join(bounds)}" if bounds else ""
    click.echo(f"{row.label:75} {row.measured!s:>24} {row.unit:2} {target:10} {row.verdict()}")
    return row
