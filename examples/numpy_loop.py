"""Logistic regression in NumPy: a custom training loop, without PyTorch."""

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Fields:
    lr: float = 0.5
    momentum: float = 0.0
    noise: float = 0.0


METRICS = {"dev_loss": {"unit": "nats"}, "accuracy": {"unit": "share", "direction": "higher"}}


def points():
    draw = np.random.default_rng(42)
    x = draw.normal(size=(1200, 10))
    y = x @ draw.normal(size=10) + draw.normal(size=1200) > 0
    return x, y.astype(float)


def train(run):
    x, y = points()
    draw = np.random.default_rng(run.seed)
    w, speed, first = np.zeros(10), np.zeros(10), 0
    if saved := run.restore():
        w, speed, first = saved["w"], saved["speed"], saved["step"]
        draw.bit_generator.state = saved["draw"]
    for step in range(first, run.steps):
        rows = run.rows(step, 800)  # the same for all variants of a seed
        batch = x[rows] + run.fields.noise * draw.normal(size=(run.batch, 10))
        p = 1 / (1 + np.exp(-batch @ w))
        speed = run.fields.momentum * speed - run.fields.lr * batch.T @ (p - y[rows]) / run.batch
        w = w + speed
        yield step, {"loss": -np.log(np.where(y[rows] == 1, p, 1 - p)).mean()}
        if step % 100 == 99:
            run.save({"w": w, "speed": speed, "step": step + 1, "draw": draw.bit_generator.state})
    p = 1 / (1 + np.exp(-x[800:] @ w))
    right = np.where(y[800:] == 1, p, 1 - p)
    yield run.steps, {"dev_loss": -np.log(right).mean(), "accuracy": (right > 0.5).mean()}
