"""Names sampled from a trained network, character by character."""

import numpy as np
import torch

from harness.subjects.char_mlp.fields import Fields
from harness.subjects.char_mlp.layers.compiled import compiled
from harness.subjects.char_mlp.layers.functions import exp
from harness.subjects.char_mlp.layers.lanes import broadcast, lane
from harness.subjects.char_mlp.layers.parts import Array
from harness.subjects.char_mlp.network import MLP
from harness.subjects.char_mlp.saved import saved_network
from harness.subjects.char_mlp.stacked import StackedMLP
from harness.subjects.corpus.corpus import require_alphabet
from harness.subjects.streams import stream
from harness.subjects.subject import SampleRequest, Trained

LONGEST = 60  # characters; longer names are cut


@torch.no_grad()
def sample(
    network: MLP,
    fields: Fields,
    alphabet: str,
    count: int,
    generator: torch.Generator,
    prefix: str = "",
    temperature: float = 1.0,
) -> list[str]:
    """Names from the network in eval mode, all drawn at once.

    Args:
        network: a trained network.
        fields: of its run.
        alphabet: its characters, the boundary first.
        count: number of names.
        generator: draws the characters.
        prefix: start of every name, in characters of the alphabet.
        temperature: divides the logits; above 1, names vary more.
    """
    stack, context = StackedMLP([network], [fields]), fields.context
    start = [0] * context + [alphabet.index(character) for character in prefix]
    written = np.array([start] * count)  # (count, context + length)
    unfinished, drawn = np.ones(count, bool), np.zeros(count, np.int64)
    for _ in range(LONGEST - len(prefix)):
        found = stack.evaluate(0, np.ascontiguousarray(written[:, -context:]))
        chances = torch.rand(count, generator=generator, dtype=torch.float64).numpy()
        draw(found.z, found.logits, found.batch, len(alphabet), chances, temperature, drawn)
        written = np.hstack([written, (drawn * unfinished)[:, None]])
        unfinished &= drawn != 0
        if not unfinished.any():
            break
    return [
        "".join(alphabet[code] for code in row if code) for row in written[:, context:].tolist()
    ]


@compiled
def draw(
    z: Array, logits: int, batch: int, vocabulary: int, chances: Array, temperature: float,
    drawn: Array,
) -> None:  # fmt: skip
    """Draw a character of each column of logits (V, batch) by its softmax.

    It is the first one up to which the probabilities add up to more than a chance in [0, 1).
    """
    odds = np.empty(vocabulary)
    for c in range(len(drawn)):
        highest = z[logits + c]
        for v in range(vocabulary):
            highest = max(highest, z[logits + v * batch + c])
        mass = 0.0
        for v in range(vocabulary):
            below = (np.float64(z[logits + v * batch + c]) - highest) / temperature
            odds[v] = lane(exp(broadcast(z, below)), 0)
            mass += odds[v]
        aim, passed, drawn[c] = chances[c] * mass, 0.0, vocabulary - 1
        for v in range(vocabulary):
            passed += odds[v]
            if passed > aim:
                drawn[c] = v
                break


def write_names(run: Trained, request: SampleRequest) -> list[str]:
    """Names from the network of a run that has ended.

    Raises:
        UserError: the prefix has characters that are not in the alphabet of the run's data.
    """
    alphabet = str(run.facts["alphabet"])
    require_alphabet(request.prefix, alphabet)
    draws = stream(request.seed, "samples")
    return sample(
        saved_network(run), run.fields, alphabet, request.count, draws, request.prefix,
        request.temperature,
    )  # fmt: skip
