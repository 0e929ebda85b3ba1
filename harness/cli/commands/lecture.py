"""`ablate lecture`: the lecture's printed numbers, reproduced."""

import sys
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import click

from harness.cli.options import data_option

if TYPE_CHECKING:
    from harness.subjects.char_mlp.lecture import Lecture


@click.command()
@data_option
def command(data: str | None) -> None:
    """Reproduce the lecture's printed numbers of its BatchNorm network.

    Exits with 1 if a digit differs; the last digit of a gradient may differ by two.
    """
    from harness.subjects.char_mlp import lecture
    from harness.subjects.corpus import load_corpus

    corpus = load_corpus(data)
    done = lecture.reproduce(corpus)
    agreed = [_side_by_side(*pair) for pair in _single_numbers(lecture.published(), done)]
    for theirs, ours in zip(lecture.published_rows(), done.rows, strict=True):
        agreed.append(ours.matches(theirs))
        click.echo(f"\npublished  {theirs}\nreproduced {ours}  {_outcome(agreed[-1])}")
    click.echo()
    for split, loss in lecture.losses(done.network, corpus).items():
        click.echo(f"{split:5} loss {loss:.6f}")
    click.echo()
    for name in lecture.names(done.network, corpus):
        click.echo(name)
    sys.exit(0 if all(agreed) else 1)


def _single_numbers(published: dict[str, Any], done: "Lecture") -> Iterator[tuple[str, str, str]]:
    """Label, published and reproduced form of what is no table."""
    yield "examples", str(published["examples"]), str(done.examples)
    yield "parameters", f"{published['parameters']:,}", f"{done.parameters:,}"
    yield "initial loss", f"{published['initial_loss']:.4f}", f"{done.initial_loss:.4f}"


def _side_by_side(label: str, theirs: str, ours: str) -> bool:
    click.echo(f"{label:12} published {theirs}, reproduced {ours}  {_outcome(theirs == ours)}")
    return theirs == ours


def _outcome(good: bool) -> str:
    return "ok" if good else "OFF"
