"""What training a network of some fields costs."""

from itertools import pairwise

from harness.subjects.char_mlp.fields import Fields
from harness.subjects.subject import Cost

ELEMENTWISE = 20  # multiplications that norm and activation of one element count as


def parameters(fields: Fields, vocabulary: int) -> int:
    """How many numbers a network of these fields trains.

    >>> parameters(Fields(), 27)
    47024
    """
    widths = [fields.context * fields.embedding] + [fields.width] * fields.depth + [vocabulary]
    weights = sum(a * b for a, b in pairwise(widths))
    hidden = fields.depth * fields.width * (1 if fields.norm == "none" else 2)
    last = vocabulary * (1 if fields.output_norm == "none" else 2)
    return vocabulary * fields.embedding + weights + hidden + last


def cost(fields: Fields, vocabulary: int) -> Cost:
    """Parameters, multiplications of a step's matrix products, and what stays in cache."""
    widths = [fields.context * fields.embedding] + [fields.width] * fields.depth + [vocabulary]
    trained = parameters(fields, vocabulary)
    products = 3 * fields.batch * sum(a * b for a, b in pairwise(widths))
    elementwise = ELEMENTWISE * fields.batch * sum(widths[1:])
    activations = 4 * fields.batch * fields.width * fields.depth
    return Cost(trained, (products + elementwise) / 1e6, memory=4 * (trained + activations))
