"""Networks in training together: one step, what is measured on it, and what is kept."""

from collections.abc import Iterable, Iterator, Mapping, Sequence

import numpy as np
import numpy.typing as npt
import torch
from safetensors.torch import save

from harness.subjects.char_mlp.cost import cost
from harness.subjects.char_mlp.diagnostics import Probe
from harness.subjects.char_mlp.evaluation import ActivationStats, Contexts, Words, split_loss
from harness.subjects.char_mlp.fields import Fields
from harness.subjects.char_mlp.measured import FINAL_ACTIVATIONS, SPLITS
from harness.subjects.char_mlp.network import MLP
from harness.subjects.char_mlp.sampling import sample
from harness.subjects.char_mlp.stacked import StackedMLP
from harness.subjects.corpus import Corpus
from harness.subjects.items import ITEMS, Items, pack_items
from harness.subjects.streams import stream
from harness.subjects.subject import SAMPLES, WEIGHTS, Outcome, Series, State, Steps

SAMPLED = 20  # names, from every trained network
HELD_OUT = ("dev", "test")
MOST_AT_ONCE = 50  # steps of a member in one call
MOST_WORK = 50_000  # millions of multiplications in one call: about a second
VELOCITY = "velocity/"  # before a parameter's name, in the state of a member with momentum


class StackedMembers:
    """Networks of equal shape, trained as a `StackedMLP`; see `harness.subjects.subject.Members`.

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
        self.steps = first.steps
        # Meanwhile a member's parameters stay in the cache; a call takes a second at most.
        work = len(fields) * cost(first, corpus.vocabulary).step
        self.at_once = max(1, min(MOST_AT_ONCE, int(MOST_WORK / work)))
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
        for k, state in enumerate(states or ()):
            velocity = {n.removeprefix(VELOCITY): torch.from_numpy(a) for n, a in state.items()
                        if n.startswith(VELOCITY)}  # fmt: skip
            self.stack.set_velocity(k, velocity)

    def _assemble(self, fields: list[Fields], seeds: list[int], networks: list[MLP]) -> None:
        self.fields, self.seeds = fields, seeds
        self.splits = [self.corpus.splits_of(f, s) for f, s in zip(fields, seeds, strict=True)]
        self.dev = self._contexts(["dev"])
        with torch.no_grad():
            self.stack = StackedMLP(networks, fields)

    @torch.no_grad()
    def advance(self, step: int, rows: npt.NDArray[np.int64], probe: bool) -> Steps:
        """As `Members` says."""
        n, count, _ = rows.shape
        loss, taken = np.zeros((n, count)), np.zeros(count, np.int64)
        rates = [f.rates(step, n) for f in self.fields]
        if not probe:
            for k in range(count):
                train = self.splits[k].train
                loss[:, k], taken[k] = self.stack.advance(k, train.X, train.Y, rows[:, k], rates[k])
            return Steps(loss, taken)
        look = Probe(self.stack, histograms=step in (0, self.steps - 1))
        for k in range(count):
            train, mine = self.splits[k].train, rows[0, k]
            loss[0, k], finite = self.stack.gradient(k, train.X[mine], train.Y[mine])
            if finite:
                look.step(k, rates[k][0])
                taken[k] = 1
        return Steps(loss, taken, list(look.measured()))

    @torch.no_grad()
    def evaluate(self, step: int) -> Iterable[Series]:
        """As `Members` says."""
        if step < self.steps:
            return [Series("eval/dev_loss", split_loss(self.stack, self.dev)[:, 0])]
        return list(self._evaluate_finally())

    def _evaluate_finally(self) -> Iterator[Series]:
        """The losses over all splits, and the hidden layers over the dev split."""
        stats = ActivationStats(self.stack, SPLITS.index("dev"))
        losses = split_loss(self.stack, self._contexts(SPLITS), stats)  # (K, 3)
        yield Series("eval/dev_loss", losses[:, SPLITS.index("dev")])
        for place, split in enumerate(SPLITS):
            yield Series(f"final_{split}_loss", losses[:, place])
        table = stats.table()  # (K, L, 4)
        for place, name in enumerate(FINAL_ACTIVATIONS):
            yield Series(name, table[:, :, place])

    def _contexts(self, names: Sequence[str]) -> list[Contexts]:
        """The distinct contexts of these splits, of each member."""
        made = {
            splits: Contexts.of(*(getattr(splits, name) for name in names))
            for splits in dict.fromkeys(self.splits)
        }
        return [made[splits] for splits in self.splits]

    def keep(self, members: Sequence[int]) -> None:
        """As `Members` says."""
        networks = [self.network(k) for k in members]
        velocities = [self.stack.velocity(k) for k in members]
        self._assemble(
            [self.fields[k] for k in members], [self.seeds[k] for k in members], networks
        )
        for k, tensors in enumerate(velocities):
            self.stack.set_velocity(k, tensors)

    def network(self, member: int) -> MLP:
        """A member's network in its textbook form; a copy."""
        state = self.stack.member_state(member)
        return MLP.restored(self.fields[member], self.corpus.vocabulary, state)

    def state(self, member: int) -> State:
        """As `Members` says."""
        velocity = {f"{VELOCITY}{n}": t for n, t in self.stack.velocity(member).items()}
        tensors = self.stack.member_state(member) | velocity
        return {name: tensor.numpy() for name, tensor in tensors.items()}

    def files(self, member: int, outcome: Outcome) -> Mapping[str, bytes]:
        """As `Members` says."""
        state = {n: t.contiguous() for n, t in self.stack.member_state(member).items()}
        found, names = {WEIGHTS: save(state)}, list[str]()
        if outcome == "finished":
            draws = stream(self.seeds[member], "samples")
            network, fields = self.network(member), self.fields[member]
            names = sample(network, fields, self.corpus.alphabet, SAMPLED, draws)
            found[ITEMS] = pack_items(self._words(member))
        return {**found, SAMPLES: "".join(f"{name}\n" for name in names).encode()}

    def _words(self, member: int) -> dict[str, Items]:
        """A member's losses over each word of the splits that it was not trained on."""
        found = {}
        for name in HELD_OUT:
            words = Words.of(getattr(self.splits[member], name))
            found[f"{name}_loss"] = Items(words.losses(self.stack, member), words.sizes)
        return found
