"""The deep character-level MLP of the makemore lectures, with its layers and diagnostics.

`fields.py` says what may vary; `network.py` and `layers/` are the network in its textbook form.
`layers/` says how it trains fast, too; `programs.py` makes its steps of compiled parts,
`stacked.py` takes them for many networks, `members.py` trains these for the harness.
`diagnostics.py` and `evaluation.py` measure the series that `responses.py` reduces to numbers;
`figures.py`, `predictions.py` and `text.py` define what reports show of it. May import: the shared
helpers in `subjects/`. Only training and sampling load torch.
"""

import os
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from harness.subjects.char_mlp import layers, text
from harness.subjects.char_mlp.cost import cost
from harness.subjects.char_mlp.fields import Fields, canonical
from harness.subjects.char_mlp.figures import FIGURES, references
from harness.subjects.char_mlp.measured import ACTIVATIONS
from harness.subjects.char_mlp.predictions import predictions
from harness.subjects.char_mlp.responses import CURVES, HEADLINE, RESPONSES
from harness.subjects.figures import Reference
from harness.subjects.subject import (
    Comparison,
    Cost,
    Facts,
    Members,
    Prediction,
    SampleRequest,
    State,
    Subject,
    Trained,
)
from harness.subjects.user_file import running


class CharMLP(Subject):
    """See `harness.subjects.subject.Subject` for what each part means."""

    name = "char_mlp"
    version = "5"  # raise when the arithmetic changes: tests/training/test_golden.py says when
    Fields = Fields
    responses = RESPONSES
    primary = "final/dev_loss"
    same_bits = True
    headline = HEADLINE
    curves = CURVES
    layers = ACTIVATIONS
    weights = ("update_data",)
    budget = ("steps", "batch", "train_words", "split")
    figures = FIGURES
    glossary = text.GLOSSARY
    citations = text.CITATIONS

    def load(self, source: str | None, folder: Path) -> Any:
        """A corpus: "names.txt", "embedded", or a text file with one item a line."""
        from harness.subjects.corpus import load_corpus

        return load_corpus(source, folder)

    def cost(self, fields: Any, data: Any) -> Cost:
        """See `cost.cost`."""
        return cost(fields, data.vocabulary)

    def canonical(self, fields: Any) -> Any:
        """See `fields.canonical`."""
        return canonical(fields)

    def sources(self, fields: Any) -> Mapping[str, str]:
        """A hash of each norm and activation that did not come with the harness."""
        own = self.code([fields]).values()
        return {path.stem: layers.source(path) for path in sorted(own, key=lambda path: path.stem)}

    def code(self, fields: Sequence[Any]) -> Mapping[str, Path]:
        """The files of these norms and activations; see `layers.own_files`."""
        named = {name for one in fields for name in (one.norm, one.output_norm, one.activation)}
        return layers.own_files(named)

    def check(self, fields: Any, data: Any) -> Iterator[str]:
        """Norms and activations of one's own, in a step of the textbook network."""
        if own := self.code([fields]):
            from harness.subjects.char_mlp.textbook import try_step

            names = ", ".join(sorted(path.stem for path in own.values()))
            folder = next(iter(own.values())).parents[1]  # of all kinds of levels
            with running(f"{names}: a step of the network", folder):
                try_step(fields, data)
            yield f"{names}: a step of the network in its textbook form"

    def start(
        self,
        fields: Sequence[Any],
        seeds: Sequence[int],
        data: Any,
        states: Sequence[State] | None = None,
    ) -> Members:
        """See `members.StackedMembers`."""
        from harness.subjects.char_mlp.members import StackedMembers

        return StackedMembers(fields, seeds, data, states)

    def preload(self) -> None:
        """Load torch, numba and the layers."""
        import harness.subjects.char_mlp.members  # noqa: F401 - for its imports

    def preparation(self) -> float:
        """None where numba's cache has the code of an earlier run."""
        folder = os.environ.get("NUMBA_CACHE_DIR") or Path(__file__).parent / "layers"
        if any(Path(folder).rglob("steps.drive-*.nbi")):
            return 0.0
        return 30.0  # 20 on idle cores, 40 on busy ones

    def references(self, facts: Facts) -> Sequence[Reference]:
        """See `figures.references`."""
        return references(facts)

    def caveats(self, varied: set[str], variants: Sequence[Any]) -> Sequence[str]:
        """See `text.caveats`."""
        return text.caveats(varied, variants)

    def predictions(self, facts: Facts) -> Sequence[Prediction]:
        """See `predictions.predictions`."""
        return predictions(facts)

    def compare_with_reference(
        self, fields: Sequence[Any], seeds: Sequence[int], data: Any
    ) -> Iterator[Comparison]:
        """See `textbook.against_textbook`."""
        from harness.subjects.char_mlp.textbook import against_textbook

        return against_textbook(fields, seeds, data)

    def inspect(self, run: Trained) -> Iterator[str]:
        """The lecture's tables and a checklist; see `checklist.inspect`."""
        from harness.subjects.char_mlp.checklist import inspect

        return inspect(run)

    def sample(self, run: Trained, request: SampleRequest) -> list[str]:
        """Names written by the trained network; see `sampling.write_names`."""
        from harness.subjects.char_mlp.sampling import write_names

        return write_names(run, request)


SUBJECT = CharMLP()
