"""Names are drawn from the distribution of the network."""

import pytest
import torch
from safetensors.torch import save

from harness.errors import UserError
from harness.subjects.char_mlp.fields import Fields
from harness.subjects.char_mlp.network import MLP
from harness.subjects.char_mlp.sampling import LONGEST, sample, write_names
from harness.subjects.streams import stream
from harness.subjects.subject import WEIGHTS, SampleRequest, Trained

ALPHABET = ".abc"
FIELDS = Fields(norm="none", depth=1, width=4, output_scale=0.0)


def parrot() -> MLP:
    """A network that always predicts b, whatever it sees."""
    network = MLP.initial(FIELDS, 1, 4)
    network.output.layers["linear"].bias[2] = 50.0
    return network


def test_a_parrot_writes_to_the_limit() -> None:
    assert sample(parrot(), FIELDS, ALPHABET, 2, stream(1, "samples")) == ["b" * LONGEST] * 2


def test_a_prefix_begins_every_name() -> None:
    names = sample(parrot(), FIELDS, ALPHABET, 3, stream(1, "samples"), prefix="ca")
    assert names == ["ca" + "b" * (LONGEST - 2)] * 3


def test_equal_draws_write_equal_names() -> None:
    fields = Fields(depth=1)
    network = MLP.initial(fields, 1, 4)
    once, again = (sample(network, fields, ALPHABET, 10, stream(5, "samples")) for _ in range(2))
    assert once == again
    assert once != sample(network, fields, ALPHABET, 10, stream(6, "samples"))


def test_frequencies_follow_the_softmax_at_a_temperature() -> None:
    network = MLP.initial(FIELDS, 1, 4)
    logits = torch.tensor([2.0, 1.0, 0.0, -1.0])
    network.output.layers["linear"].bias.copy_(logits)
    names = sample(network, FIELDS, ALPHABET, 20_000, stream(1, "samples"), temperature=2.0)
    share = sum(name == "" for name in names) / len(names)
    assert share == pytest.approx((logits / 2).softmax(0)[0].item(), abs=0.01)


def trained(weights: bytes) -> Trained:
    facts = {"alphabet": ALPHABET, "vocabulary": "4"}
    return Trained(FIELDS, 1, "finished", facts, {WEIGHTS: weights}, read_trace=dict)


def test_a_stored_network_writes_what_is_asked_for() -> None:
    run = trained(save(parrot().state()))
    names = write_names(run, SampleRequest(count=2, prefix="c"))
    assert names == ["c" + "b" * (LONGEST - 1)] * 2


def test_a_prefix_in_another_alphabet_is_refused() -> None:
    with pytest.raises(UserError, match="--prefix must be written in the data's alphabet"):
        write_names(trained(save(parrot().state())), SampleRequest(prefix="cd"))
    with pytest.raises(UserError, match="alphabet"):
        write_names(trained(save(parrot().state())), SampleRequest(prefix="."))


def test_damaged_weights_are_refused() -> None:
    with pytest.raises(UserError, match="must be an undamaged safetensors file"):
        write_names(trained(save(parrot().state())[:-1]), SampleRequest())
