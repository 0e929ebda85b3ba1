"""Parts that several layers share."""

from harness.subjects.char_mlp.layers.functions import inlined
from harness.subjects.char_mlp.layers.lanes import (
    LANES,
    broadcast,
    fma,
    masked,
    put,
    take,
    total,
    transpose,
)
from harness.subjects.char_mlp.layers.parts import ENERGY, RATE, Array, Part
from harness.subjects.char_mlp.layers.sums import sums_of_rows

AHEAD = 8  # rows by which a loop over rows fetches new memory before it writes there


@inlined
def plus_square(sums, z, at, c, columns):  # type: ignore[no-untyped-def]
    """Sums plus the squares of the numbers from an index on, which is column c."""
    values = masked(take(z, at), c, columns)
    return fma(values, values, sums)


@inlined
def sum_of_squares(z, at, rows, step, columns):  # type: ignore[no-untyped-def]  # of numba's types
    """The sum of squares of a matrix (rows, columns) whose rows begin every `step` numbers.

    Every quarter of the rows has its sum, so that not every addition waits for the one before.
    """
    quarter = rows // 4
    first = second = third = fourth = broadcast(z, 0.0)
    for c in range(0, columns, LANES):
        for row in range(quarter):
            place = at + row * step + c
            first = plus_square(first, z, place, c, columns)
            second = plus_square(second, z, place + quarter * step, c, columns)
            third = plus_square(third, z, place + 2 * quarter * step, c, columns)
            fourth = plus_square(fourth, z, place + 3 * quarter * step, c, columns)
        for row in range(4 * quarter, rows):
            first = plus_square(first, z, at + row * step + c, c, columns)
    return total((first + second) + (third + fourth))


@Part
def add_signals(n: Array, p: Array, z: Array, x: Array, s: Array) -> None:
    """z[out] (H, batch) ← z[one] + z[other]."""
    batch, width, one, other, out = n[2], n[3], n[4], n[5], n[6]
    for at in range(0, width * batch, LANES):
        put(z, out + at, take(z, one + at) + take(z, other + at))


@Part
def copy(n: Array, p: Array, z: Array, x: Array, s: Array) -> None:
    """z[out] (H, batch) ← z[source]."""
    batch, width, source, out = n[2], n[3], n[4], n[5]
    for at in range(0, width * batch, LANES):
        put(z, out + at, take(z, source + at))


@Part
def by_example(n: Array, p: Array, z: Array, x: Array, s: Array) -> None:
    """z[out] (batch, stride) ← z[source] (H, batch) transposed, with 0 as its padding.

    It also adds the sum of squares to `ENERGY`, since it goes through all numbers.
    """
    examples, batch, width, source, out, stride = n[1], n[2], n[3], n[4], n[5], n[6]
    s[ENERGY] += sum_of_squares(z, source, width, batch, examples)
    beyond = -(-width // LANES) * LANES
    for at in range(source + width * batch, source + beyond * batch, LANES):
        put(z, at, broadcast(z, 0.0))
    for h in range(0, width, LANES):
        for b in range(0, batch, LANES):
            transpose(z, source + h * batch + b, batch, z, out + b * stride + h, stride)


@Part
def energy(n: Array, p: Array, z: Array, x: Array, s: Array) -> None:
    """Add the sum of squares of z[source] (H, batch) to `ENERGY`: NaN or huge if any entry is."""
    examples, batch, width, source = n[1], n[2], n[3], n[4]
    s[ENERGY] += sum_of_squares(z, source, width, batch, examples)


@Part
def vector_energy(n: Array, p: Array, z: Array, x: Array, s: Array) -> None:
    """Add the sum of squares of z[source] (H,) to `ENERGY`."""
    width, source = n[3], n[4]
    s[ENERGY] += sum_of_squares(z, source, 1, width, width)


@Part
def sums_of_units(n: Array, p: Array, z: Array, x: Array, s: Array) -> None:
    """z[out] (H,) ← the sums of z[source] (H, batch) over the examples."""
    examples, batch, width, source, out = n[1], n[2], n[3], n[4], n[5]
    for h in range(0, width, LANES):
        sums = sums_of_rows(z, source + h * batch, batch, examples)
        put(z, out + h, masked(sums, h, width))


@Part
def subtract(n: Array, p: Array, z: Array, x: Array, s: Array) -> None:
    """p[vector] (H,) ← p[vector] − rate × z[gradient]."""
    width, vector, gradient = n[3], n[4], n[5]
    rate = broadcast(z, -s[RATE])
    for h in range(0, width, LANES):
        put(p, vector + h, fma(rate, take(z, gradient + h), take(p, vector + h)))
