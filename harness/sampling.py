"""Names written by a trained network, a character at a time."""

import torch

from harness.network import MLP

LONGEST = 60  # characters; a name is cut there


@torch.no_grad()
def sample(
    network: MLP, alphabet: str, context: int, count: int, generator: torch.Generator,
    prefix: str = "", temperature: float = 1.0,
) -> list[str]:  # fmt: skip
    """So many names from the network in eval mode, drawn side by side.

    Args:
        network: the trained network; it is put in eval mode and left so.
        alphabet: its characters, the boundary first.
        context: characters it sees.
        count: how many names.
        generator: draws the characters.
        prefix: what every name begins with, of characters in the alphabet.
        temperature: divides the logits; above 1 the names get wilder.
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
