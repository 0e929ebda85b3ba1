"""The logarithm against the exact one; to the last bit against this file."""

from decimal import Context, Decimal
from hashlib import sha256

import numpy as np
import pytest

from harness.subjects.exact import log
from harness.subjects.subject import Array

DIGITS = Context(prec=60)
DIGEST = "f32c2316e23ac6c6"


def numbers() -> dict[str, Array]:
    rng = np.random.default_rng(0)
    return {
        "of all sizes": 2.0 ** rng.uniform(-1070, 1020, 4000),
        "near 1": 1 + rng.uniform(-1e-3, 1e-3, 2000) * rng.random(2000) ** 8,
        "shares": rng.random(4000),
        "counts": np.arange(1.0, 4000),
        "where the power changes": np.sqrt(0.5) + np.arange(-50, 50) * 2.0**-53,
    }


@pytest.mark.parametrize("kind", numbers())
def test_a_logarithm_is_less_than_one_unit_of_the_last_place_off(kind: str) -> None:
    values = numbers()[kind]
    exact = [Decimal(value).ln(DIGITS) for value in values.tolist()]
    for found, known in zip(log(values).tolist(), exact, strict=True):
        assert abs(Decimal(found) - known) < Decimal(float(np.spacing(abs(float(known)))))


def test_what_has_no_logarithm() -> None:
    assert log([1.0, 0.0, np.inf]).tolist() == [0, -np.inf, np.inf]
    assert np.isnan(log([-1.0, -0.5, -np.inf, np.nan])).all()
    assert float(log(27)) == pytest.approx(3.2958368660043291)


def test_the_bits_are_those_of_every_machine() -> None:
    found = log(np.arange(1, 30_000) / 7)
    assert sha256(found.astype("<f8").tobytes()).hexdigest()[:16] == DIGEST
