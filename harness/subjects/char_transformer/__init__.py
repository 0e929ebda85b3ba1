"""The small character-level transformer of the makemore lectures, and what it can do without.

`fields.py` says what may vary; `network.py` and `layers/` are the network. `data.py` and
`sequences.py` make rows of words, `sampling.py` writes words. `responses.py`, `figures.py`,
`predictions.py` and `text.py` define what reports show of it; `subjects/torch` trains it. May
import: the shared helpers in `subjects/`. Only training and sampling load torch.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from harness.subjects.char_transformer import text
from harness.subjects.char_transformer.cost import cost
from harness.subjects.char_transformer.data import WordData
from harness.subjects.char_transformer.fields import Fields, canonical
from harness.subjects.char_transformer.figures import FIGURES, references
from harness.subjects.char_transformer.predictions import predictions
from harness.subjects.char_transformer.responses import CURVES, HEADLINE, RESPONSES
from harness.subjects.figures import Reference
from harness.subjects.subject import Cost, Facts, Prediction, SampleRequest
from harness.subjects.torch.subject import Batch, TorchSubject

if TYPE_CHECKING:
    from torch import Tensor, nn


class CharTransformer(TorchSubject):
    """See `harness.subjects.subject.Subject` for what each part means."""

    name = "char_transformer"
    version = "1"  # raise when the arithmetic changes
    Fields = Fields
    responses = RESPONSES
    headline = HEADLINE
    curves = CURVES
    budget = ("steps", "batch", "train_words")
    figures = FIGURES
    glossary = text.GLOSSARY
    citations = text.CITATIONS

    def load(self, source: str | None, folder: Path) -> WordData:
        """A corpus: "names.txt", "embedded", or a text file with one item a line."""
        from harness.subjects.corpus import load_corpus

        return WordData(load_corpus(source, folder))

    def cost(self, fields: Any, data: Any) -> Cost:
        """See `cost.cost`."""
        return cost(fields, data.vocabulary)

    def canonical(self, fields: Any) -> Any:
        """See `fields.canonical`, here and of every torch subject."""
        return canonical(super().canonical(fields))

    def build(self, fields: Any, facts: Facts) -> nn.Module:
        """See `network.build`."""
        from harness.subjects.char_transformer.network import build

        return build(fields, int(facts["vocabulary"]))

    def losses(self, model: nn.Module, batch: Batch) -> Tensor:
        """See `sequences.losses`."""
        from harness.subjects.char_transformer.sequences import losses

        return losses(model, batch)

    def counted(self, batch: Batch) -> Tensor:
        """The characters, without the padding behind them."""
        from harness.subjects.char_transformer.sequences import PADDING, trimmed

        _, y = trimmed(batch)
        return y != PADDING

    def write(self, model: nn.Module, facts: Facts, request: SampleRequest) -> list[str]:
        """See `sampling.write_words`."""
        from harness.subjects.char_transformer.sampling import write_words

        return write_words(model, facts, request)

    def references(self, facts: Facts) -> Sequence[Reference]:
        """See `figures.references`."""
        return references(facts)

    def caveats(self, varied: set[str], variants: Sequence[Any]) -> Sequence[str]:
        """See `text.caveats`."""
        return text.caveats(varied, variants)

    def predictions(self, facts: Facts) -> Sequence[Prediction]:
        """See `predictions.predictions`."""
        return predictions(facts)


SUBJECT = CharTransformer()
