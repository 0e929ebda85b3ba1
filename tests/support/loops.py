"""A training loop in NumPy as a user would write it, and a study of it."""

LOOP = '''
"""Least squares on some features."""
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Fields:
    features: int = 3
    lr: float = 0.1
    noise: float = 0.1


METRICS = {
    "dev_error": {"label": "squared error"},
    "near": {"unit": "share", "direction": "higher"},
}


def points():
    rng = np.random.default_rng(1)
    x = rng.normal(size=(300, 3))
    return x, x @ np.array([1.0, -2.0, 0.5]) + 0.1 * rng.normal(size=300)


def train(run):
    x, y = points()
    x = x[:, : run.fields.features]
    rng = np.random.default_rng(run.seed)
    w, first = np.zeros(run.fields.features), 0
    if saved := run.restore():
        w, first, rng.bit_generator.state = saved["w"], saved["step"], saved["rng"]
    for step in range(first, run.steps):
        rows = run.rows(step, 200)
        noise = run.fields.noise * rng.normal(size=run.batch)
        error = x[rows] @ w - y[rows] + noise
        w = w - run.fields.lr * x[rows].T @ error / run.batch
        yield step, {"loss": (error**2).mean()}
        run.save({"w": w, "step": step + 1, "rng": rng.bit_generator.state})
    error = x[200:] @ w - y[200:]
    yield run.steps, {"dev_error": (error**2).mean(), "near": (abs(error) < 0.2).mean()}
'''
LOOP_STUDY = """
question = "How many features does it take?"
subject = "loop.py"
seeds = 3
[fixed]
steps = {steps}
batch = 16
[factors]
features = [2, 3]
[baseline]
features = 3
[[claims]]
id = "third-helps"
says = "The third feature lowers the error"
kind = "difference"
factor = "features"
level = 3
versus = 2
direction = "lower"
"""
