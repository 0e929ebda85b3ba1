"""`ablate lecture`: the lecture's printed numbers, reproduced."""

import sys
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from harness.lecture import Lecture


@click.command()
@click.option("--data", metavar="FILE", envvar="ABLATE_DATA", help="Path of names.txt.")
def command(data: str | None) -> None:
    """Reproduce the numbers that the lecture prints for its deep BatchNorm network.

    Exits with 1 if a printed digit is off; the gradient's last may differ by two.
    """
    from harness import lecture
    from harness.corpus import load_corpus

    corpus = load_corpus(data)
    done = lecture.reproduce(corpus)
    agreed = [_side_by_side(*pair) for pair in _single_numbers(lecture.published(), done)]
    for theirs, ours in zip(lecture.published_rows(), done.rows, strict=True):
        agreed.append(ours.matches(theirs))
        click.echo(f"\npublished  {theirs}\nreproduced {ours}  {_verdict(agreed[-1])}")
    click.echo()
    for split, loss in lecture.losses(done.network, corpus).items():
        click.echo(f"{split:5} loss {loss:.6f}")
    click.echo()
    for name in lecture.names(done.network, corpus):
        click.echo(name)
    sys.exit(0 if all(agreed) else 1)


def _single_numbers(told: dict[str, Any], done: "Lecture") -> Iterator[tuple[str, str, str]]:
    """Label, published and reproduced form of what is no table."""
    yield "examples", str(told["examples"]), str(done.examples)
    yield "parameters", f"{told['parameters']:,}", f"{done.parameters:,}"
    yield "initial loss", f"{told['initial_loss']:.4f}", f"{done.initial_loss:.4f}"


def _side_by_side(label: str, theirs: str, ours: str) -> bool:
    click.echo(f"{label:12} published {theirs}, reproduced {ours}  {_verdict(theirs == ours)}")
    return theirs == ours


def _verdict(good: bool) -> str:
    return "ok" if good else "OFF"
