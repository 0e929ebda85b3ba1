"""Evaluation on distinct contexts equals evaluation on every example, one by one."""

import pytest
import torch
from torch.nn.functional import cross_entropy

from harness.subjects.char_mlp.evaluation import ActivationStats, Contexts, Words, split_loss
from harness.subjects.char_mlp.fields import Fields
from harness.subjects.char_mlp.layers import NORMS
from harness.subjects.char_mlp.network import MLP
from harness.subjects.char_mlp.stacked import StackedMLP
from harness.subjects.corpus import Corpus


@pytest.mark.parametrize("residual", [False, True])
@pytest.mark.parametrize("norm", NORMS)
def test_losses_and_layers_over_a_split(embedded: Corpus, norm: str, residual: bool) -> None:
    fields = Fields(norm=norm, residual=residual, depth=3, width=24, gain=2.0)
    networks = [MLP.initial(fields, seed, embedded.vocabulary) for seed in (1, 2)]
    splits = embedded.splits()
    split = splits.dev
    with torch.no_grad():
        stack = StackedMLP(networks, [fields] * 2)
        stats = ActivationStats(stack, split=1)
        losses = split_loss(stack, [Contexts.of(splits.test, split)] * 2, stats)
        tables = stats.table()
        for k, network in enumerate(networks):
            network.train(False)
            for place, one in enumerate([splits.test, split]):  # layers keep their last outputs
                x, y = one.tensors()
                loss = cross_entropy(network(x), y).item()
                assert losses[k, place] == pytest.approx(loss, abs=2e-6)
            for number, block in enumerate(network.hidden):
                out = block.layers["activation"].out
                beyond = out.abs() > 0.97
                saturation, dead = beyond.float().mean().item(), beyond.all(0).float().mean().item()
                expected = [out.mean().item(), out.std().item(), saturation, dead]
                assert tables[k, number] == pytest.approx(expected, abs=2e-5)


def test_a_loss_does_not_depend_on_how_contexts_fill_blocks(embedded: Corpus) -> None:
    split = embedded.splits().test
    contexts = Contexts.of(split)
    assert contexts.counts.sum() == len(split.Y)
    assert (contexts.counts.sum((1, 2)) > 0).sum() == len(split.contexts)


@pytest.mark.parametrize("norm", ["none", "batch"])
def test_losses_of_words_are_those_of_each_word_alone(embedded: Corpus, norm: str) -> None:
    fields = Fields(norm=norm, depth=2, width=16, gain=2.0)
    networks = [MLP.initial(fields, seed, embedded.vocabulary) for seed in (1, 2)]
    split = embedded.splits().test
    with torch.no_grad():
        stack = StackedMLP(networks, [fields] * 2)
        words, network = Words.of(split), networks[1].train(False)
        losses = words.losses(stack, 1)
        x, y = split.tensors()
        start = 0
        for word, size in enumerate(words.sizes[:50].tolist()):
            mine = slice(start, start + size)
            assert y[mine][-1] == 0
            assert (y[mine][:-1] > 0).all()
            loss = cross_entropy(network(x[mine]), y[mine]).item()
            assert losses[word] == pytest.approx(loss, abs=2e-6)
            start += size
        assert words.sizes.sum() == len(split.Y)
        whole = split_loss(stack, [Contexts.of(split)] * 2)[1, 0]
        assert (losses * words.sizes).sum() / words.sizes.sum() == pytest.approx(whole, abs=1e-12)
