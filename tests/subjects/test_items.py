"""The file of items: what is packed is unpacked, and damage is noticed."""

import numpy as np
import pytest

from harness.subjects.items import Items, pack_items, unpack_items


def test_what_is_packed_is_unpacked() -> None:
    items = Items(np.array([0.5, 2.25]), np.array([4, 7]))
    found = unpack_items(pack_items({"dev_loss": items, "dev_error": items}))
    assert set(found) == {"dev_loss", "dev_error"}
    for one in found.values():
        assert one.means.tolist() == [0.5, 2.25]
        assert one.sizes.tolist() == [4, 7]


@pytest.mark.parametrize("cut", [0, 5, -1])
def test_damage_is_noticed(cut: int) -> None:
    payload = pack_items({"dev_loss": Items(np.ones(3), np.ones(3))})
    with pytest.raises(ValueError, match="no readable items"):
        unpack_items(payload[:cut])
