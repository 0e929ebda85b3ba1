"""Networks in training together: one step, what is measured on it, and what is kept."""

from collections.abc import Iterable, Iterator, Mapping, Sequence

import numpy as np
import numpy.typing as npt
import torch
from safetensors.torch import save

from harness.subjects.char_mlp.diagnostics import Probe
from harness.subjects.char_mlp.evaluation import ActivationStats, Contexts, split_loss
from harness.subjects.char_mlp.fields import Fields
from harness.subjects.char_mlp.measured import FINAL_ACTIVATIONS, SPLITS
from harness.subjects.char_mlp.network import MLP
from harness.subjects.char_mlp.sampling import sample
from harness.subjects.char_mlp.saved import WEIGHTS
from harness.subjects.char_mlp.stacked import StackedMLP
from harness.subjects.corpus import Corpus
from harness.subjects.streams import stream
from harness.subjects.subject import Outcome, Series, State, Step

SAMPLES = 20  # names sampled from every trained network
NAMES = "samples.txt"


class StackedMembers:
    """Networks of equal shape, trained as one `StackedMLP`; see `harness.subjects.subject.Members`.

    Args:
        fields, seeds: of each member.
        corpus: what they are trained on.
        states: to go on from, one for each member; else they start untrained.
    """

    def __init__(
        self,
        fields: Sequence[Fields],
        seeds: Sequence[int],
        corpus: Corpus,
        states: Sequence[State] | None = None,
    ) -> None:
        torch.set_num_threads(1)  # one core a worker; other thread counts round differently
        self.corpus, first = corpus, fields[0]
        self.splits = corpus.splits(first.context, first.train_words)
        self.x, self.y = self.splits.train.X, self.splits.train.Y
        self.dev = Contexts.of(self.splits.dev)
        self.steps = first.steps
        if states is None:
            networks = [
                MLP.initial(f, seed, corpus.vocabulary)
                for f, seed in zip(fields, seeds, strict=True)
            ]
        else:
            networks = [
                MLP.restored(f, corpus.vocabulary, {n: torch.from_numpy(a) for n, a in s.items()})
                for f, s in zip(fields, states, strict=True)
            ]
        self._assemble(list(fields), list(seeds), networks)

    def _assemble(self, fields: list[Fields], seeds: list[int], networks: list[MLP]) -> None:
        self.fields, self.seeds = fields, seeds
        with torch.no_grad():
            self.stack = StackedMLP(networks, fields[0])
        self.drop_steps = np.array([f.drop_step for f in fields])
        self.early_lr = np.array([f.lr for f in fields])
        self.late_lr = np.array([f.lr * f.lr_drop for f in fields])

    @torch.no_grad()
    def step(self, step: int, rows: npt.NDArray[np.int64], probe: bool) -> Step:
        """As `Members` says."""
        lr = np.where(step < self.drop_steps, self.early_lr, self.late_lr)  # (K,)
        ends = step in (0, self.steps - 1)
        look = Probe(self.stack, lr, histograms=ends) if probe else None
        self.stack.gradient(self.x[rows], self.y[rows], lr, look.observe if look else None)
        finite = self.stack.all_finite()  # (K,)
        if not finite.all():
            return Step(self.stack.loss.copy(), finite)
        measured = list(look.measured()) if look else []
        self.stack.update()
        return Step(self.stack.loss, finite, measured)

    @torch.no_grad()
    def evaluate(self, step: int) -> Iterable[Series]:
        """As `Members` says."""
        if step < self.steps:
            return [Series("eval/dev_loss", split_loss(self.stack, self.dev)[:, 0])]
        return list(self._evaluate_finally())

    def _evaluate_finally(self) -> Iterator[Series]:
        """The losses over all splits, and the hidden layers over the dev split."""
        stats = ActivationStats(self.stack, SPLITS.index("dev"))
        every = Contexts.of(*(getattr(self.splits, name) for name in SPLITS))
        losses = split_loss(self.stack, every, stats)  # (K, 3)
        yield Series("eval/dev_loss", losses[:, SPLITS.index("dev")])
        for place, split in enumerate(SPLITS):
            yield Series(f"final_{split}_loss", losses[:, place])
        table = stats.table()  # (K, L, 4)
        for place, name in enumerate(FINAL_ACTIVATIONS):
            yield Series(name, table[:, :, place])

    def keep(self, members: Sequence[int]) -> None:
        """As `Members` says."""
        networks = [self.network(k) for k in members]
        kept = [self.fields[k] for k in members], [self.seeds[k] for k in members]
        self._assemble(*kept, networks)

    def network(self, member: int) -> MLP:
        """A member's network in its textbook form; a copy."""
        state = self.stack.member_state(member)
        return MLP.restored(self.fields[member], self.corpus.vocabulary, state)

    def state(self, member: int) -> State:
        """As `Members` says."""
        return {name: t.numpy() for name, t in self.stack.member_state(member).items()}

    def files(self, member: int, outcome: Outcome) -> Mapping[str, bytes]:
        """As `Members` says."""
        state = {n: t.contiguous() for n, t in self.stack.member_state(member).items()}
        names: list[str] = []
        if outcome == "finished":
            draws = stream(self.seeds[member], "samples")
            context, alphabet = self.fields[member].context, self.corpus.alphabet
            names = sample(self.network(member), alphabet, context, SAMPLES, draws)
        return {WEIGHTS: save(state), NAMES: "".join(f"{name}\n" for name in names).encode()}
