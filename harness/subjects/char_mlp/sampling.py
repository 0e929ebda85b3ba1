"""Names sampled from a trained network, character by character."""

import torch

from harness.subjects.char_mlp.network import MLP
from harness.subjects.char_mlp.saved import saved_network
from harness.subjects.corpus.corpus import require_alphabet
from harness.subjects.streams import stream
from harness.subjects.subject import SampleRequest, Trained

LONGEST = 60  # characters; longer names are cut


@torch.no_grad()
def sample(
    network: MLP,
    alphabet: str,
    context: int,
    count: int,
    generator: torch.Generator,
    prefix: str = "",
    temperature: float = 1.0,
) -> list[str]:
    """Names from the network in eval mode, all drawn at once.

    Args:
        network: a trained network; it stays in eval mode.
        alphabet: its characters, the boundary first.
        context: number of characters it sees.
        count: number of names.
        generator: draws the characters.
        prefix: start of every name, in characters of the alphabet.
        temperature: divides the logits; above 1, names vary more.
    """
    network.train(False)
    start = [0] * context + [alphabet.index(character) for character in prefix]
    written = torch.tensor([start] * count)  # (count, context + length)
    unfinished = torch.ones(count, dtype=torch.bool)
    for _ in range(LONGEST - len(prefix)):
        logits = network(written[:, -context:]) / temperature  # (count, V)
        drawn = torch.multinomial(logits.softmax(1), 1, generator=generator)
        written = torch.cat([written, drawn * unfinished[:, None]], 1)
        unfinished &= drawn[:, 0] != 0
        if not unfinished.any():
            break
    return [
        "".join(alphabet[code] for code in row if code) for row in written[:, context:].tolist()
    ]


def write_names(run: Trained, request: SampleRequest) -> list[str]:
    """Names from the network of a run that has ended.

    Raises:
        UserError: the prefix has characters that are not in the alphabet of the run's data.
    """
    alphabet = str(run.facts["alphabet"])
    require_alphabet(request.prefix, alphabet)
    draws = stream(request.seed, "samples")
    network, context = saved_network(run), run.fields.context
    return sample(
        network, alphabet, context, request.count, draws, request.prefix, request.temperature
    )
