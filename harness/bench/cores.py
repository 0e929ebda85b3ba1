"""Whether two workers train twice as much as one."""

import multiprocessing
import time
from multiprocessing.connection import Connection

from harness.bench.timing import Measured

SPELL = 1.0  # seconds that workers train for at a time


def both_over_one(rounds: int) -> Measured:
    """Steps that two worker processes take together over those one takes, round by round."""
    context = multiprocessing.get_context("spawn")
    ends = [context.Pipe() for _ in range(2)]
    workers = [context.Process(target=_work, args=(theirs,), daemon=True) for _, theirs in ends]
    ours = [end for end, _ in ends]
    try:
        for worker in workers:
            worker.start()
        for end in ours:
            end.recv()  # it is ready
        ratios = []
        for _ in range(rounds):
            alone, together = _spell(ours[:1]), _spell(ours)
            ratios.append(together / alone)
        return Measured(tuple(ratios))
    finally:
        for worker in workers:
            worker.kill()
            worker.join()


def _spell(ends: list[Connection]) -> float:
    """Steps a second of these workers together."""
    for end in ends:
        end.send(SPELL)
    return sum(float(end.recv()) for end in ends)


def _work(pipe: Connection) -> None:
    import torch

    from harness.bench import ways

    torch.set_num_threads(1)
    step = ways.stacked(ways.SEED_NETWORK, ways.MEMBERS)
    step()
    pipe.send("ready")
    while True:
        end = time.perf_counter() + pipe.recv()
        began, steps = time.perf_counter(), 0
        while time.perf_counter() < end:
            step()
            steps += 1
        pipe.send(steps / (time.perf_counter() - began))
