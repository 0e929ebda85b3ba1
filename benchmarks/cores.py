"""Whether two workers train twice as much as one."""

import multiprocessing
import os
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from multiprocessing.connection import Connection
from statistics import mean

SPELL = 0.3  # seconds that workers train for at a time


def both_over_one(team: list[Connection], rounds: int) -> Iterator[float]:
    """Steps that two workers take together over those one takes, round by round.

    One is the mean of the two, each alone on its own core: a neighbour may slow down either.
    """
    for _ in range(rounds):
        alone = [*spell(team[:1]), *spell(team[1:])]
        yield sum(spell(team)) / mean(alone)


@contextmanager
def workers(count: int) -> Iterator[list[Connection]]:
    """Processes that train the seed network for the seconds they are sent; the ends of their pipes.

    Each has a core of its own, where the system lets us choose.
    """
    context = multiprocessing.get_context("spawn")
    ends = [context.Pipe() for _ in range(count)]
    team = [context.Process(target=_work, args=(number, theirs), daemon=True)
            for number, (_, theirs) in enumerate(ends)]  # fmt: skip
    try:
        for worker in team:
            worker.start()
        for ours, _ in ends:
            ours.recv()  # it is ready
        yield [ours for ours, _ in ends]
    finally:
        for worker in team:
            worker.kill()
            worker.join()


def spell(team: list[Connection], seconds: float = SPELL) -> list[float]:
    """Steps a second of each of these workers, which train at the same time."""
    for end in team:
        end.send(seconds)
    return [float(end.recv()) for end in team]


def _work(number: int, pipe: Connection) -> None:
    import torch

    from benchmarks import ways

    if sys.platform == "linux":
        cores = sorted(os.sched_getaffinity(0))
        os.sched_setaffinity(0, {cores[number % len(cores)]})
    torch.set_num_threads(1)
    step = ways.stacked(ways.SEED_NETWORK, ways.MEMBERS)
    step()
    pipe.send("ready")
    while True:
        seconds, steps = pipe.recv(), 0
        began = time.perf_counter()
        while time.perf_counter() - began < seconds:
            step()
            steps += 1
        pipe.send(steps / (time.perf_counter() - began))
