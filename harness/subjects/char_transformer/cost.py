"""What training a transformer of some fields costs."""

from harness.subjects.char_transformer.fields import Fields
from harness.subjects.subject import Cost

ELEMENTWISE = 20  # multiplications that norm, activation and softmax of one element count as


def parameters(fields: Fields, vocabulary: int) -> int:
    """How many numbers a transformer of these fields trains.

    >>> parameters(Fields(), 27)
    204571
    """
    C, V = fields.width, vocabulary
    attention = {"softmax": 4 * C * (C + 1), "uniform": 2 * C * (C + 1), "none": 0}
    feed_forward = 4 * C * (C + 1) + C * (4 * C + 1)
    norm = {"layer": 2 * C, "rms": C, "none": 0}[fields.norm]
    norms = fields.branches + (fields.norm_place == "pre")
    blocks = fields.depth * (attention[fields.attention] + feed_forward)
    positions = fields.context * C if fields.positions == "learned" else 0
    return V * C + positions + blocks + norms * norm + V * (C + 1)


def cost(fields: Fields, vocabulary: int) -> Cost:
    """Parameters, multiplications of a step if all rows were full, and a run's memory."""
    trained = parameters(fields, vocabulary)
    tokens = fields.batch * fields.context
    scores = (
        2 * fields.depth * fields.width * fields.context if fields.attention == "softmax" else 0
    )
    products = 3 * tokens * (trained + scores)
    inside = fields.depth * (8 * fields.width + fields.heads * fields.context)  # of a token
    return Cost(
        trained,
        step=(products + ELEMENTWISE * tokens * inside) / 1e6,
        memory=4 * (4 * trained + tokens * inside),
        largest_stack=1,
    )
