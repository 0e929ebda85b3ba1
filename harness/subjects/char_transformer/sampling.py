"""Words sampled from a trained transformer, character by character."""

import torch
from torch import nn

from harness.errors import UserError
from harness.subjects.corpus.corpus import require_alphabet
from harness.subjects.streams import stream
from harness.subjects.subject import Facts, SampleRequest


@torch.no_grad()
def sample(
    model: nn.Module,
    alphabet: str,
    context: int,
    count: int,
    generator: torch.Generator,
    prefix: str = "",
    temperature: float = 1.0,
) -> list[str]:
    """Words from the transformer in eval mode, all drawn at once; longer ones are cut.

    Args:
        model: a trained transformer; it stays in eval mode.
        alphabet: its characters, the boundary first.
        context: number of characters it sees, and of the longest word.
        count: number of words.
        generator: draws the characters.
        prefix: start of every word, in characters of the alphabet; shorter than the context.
        temperature: divides the logits; above 1, words vary more.
    """
    model.eval()
    start = [0, *(alphabet.index(character) for character in prefix)]
    written = torch.tensor([start] * count)  # (count, 1 + length)
    unfinished = torch.ones(count, dtype=torch.bool)
    while unfinished.any() and written.shape[1] <= context:
        logits = model(written)[:, -1] / temperature  # (count, V)
        drawn = torch.multinomial(logits.softmax(1), 1, generator=generator)
        written = torch.cat([written, drawn * unfinished[:, None]], 1)
        unfinished &= drawn[:, 0] != 0
    return ["".join(alphabet[code] for code in row if code) for row in written.tolist()]


def write_words(model: nn.Module, facts: Facts, request: SampleRequest) -> list[str]:
    """Words from a trained transformer.

    Args:
        model: of a run.
        facts: about the run's data.
        request: what is asked of it; equal requests give equal words.

    Raises:
        UserError: the prefix is too long, or has characters that are not in the data's alphabet.
    """
    alphabet, context = str(facts["alphabet"]), int(facts["context"])
    require_alphabet(request.prefix, alphabet)
    if len(request.prefix) >= context:
        raise UserError(
            "--prefix must be shorter than the run's context",
            f"{len(request.prefix)} characters, with a context of {context}",
            "Shorten it.",
        )
    draws = stream(request.seed, "samples")
    return sample(
        model, alphabet, context, request.count, draws, request.prefix, request.temperature
    )
