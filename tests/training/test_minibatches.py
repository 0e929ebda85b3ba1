"""Seeds are blocks: all variants of a seed see the same minibatches in the same order."""

import numpy as np

from harness.training.minibatches import CHUNK, Minibatches


def test_equal_seeds_see_equal_minibatches_and_others_do_not() -> None:
    minibatches = Minibatches([4, 7, 4], [1000] * 3, batch=8)
    for step in range(CHUNK + 20):
        ((first, other, same),) = minibatches.between(step, step + 1)
        assert np.array_equal(first, same)
        assert not np.array_equal(first, other)
    assert minibatches.digest(0, 1) == minibatches.digest(2, 1) != minibatches.digest(1, 1)


def test_the_order_of_a_seed_does_not_depend_on_other_seeds_or_on_the_first_step() -> None:
    alone, together = Minibatches([7], [1000], 8), Minibatches([3, 7], [1000] * 2, 8)
    step = 2 * CHUNK + 3
    for earlier in range(step):
        together.between(earlier, earlier + 1)
    ours, theirs = (drawn.between(step, step + 5) for drawn in (alone, together))
    assert ours.shape == (5, 1, 8)
    assert np.array_equal(ours[:, 0], theirs[:, 1])
    assert alone.digest(0, 1) == together.digest(1, 1)


def test_a_hash_covers_the_chunk_of_the_last_step_and_none_after_it() -> None:
    order = Minibatches([1], [100], 4)
    of_one_step = order.digest(0, 1)
    assert order.digest(0, CHUNK) == of_one_step
    assert order.digest(0, CHUNK + 1) != of_one_step


def test_every_example_can_be_drawn() -> None:
    minibatches = Minibatches([1], [5], batch=16)
    drawn = minibatches.between(0, 20).ravel()
    assert set(drawn) == {0, 1, 2, 3, 4}


def test_the_order_is_that_of_a_run_alone_whatever_others_have_to_draw_from() -> None:
    """As runs of one stack do whose splits differ."""
    together = Minibatches([1, 1, 2], [1000, 990, 1010], 8)
    for place, (seed, examples) in enumerate(((1, 1000), (1, 990), (2, 1010))):
        alone = Minibatches([seed], [examples], 8)
        assert np.array_equal(together.between(0, 9)[:, place], alone.between(0, 9)[:, 0])
        assert together.digest(place, 1) == alone.digest(0, 1)
    assert len({together.digest(place, 1) for place in range(3)}) == 3
