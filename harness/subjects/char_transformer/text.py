"""What reports say about this network in words: terms, sources, and what a study cannot tell."""

from collections.abc import Sequence

from harness.subjects.char_transformer.fields import Fields
from harness.subjects.characters import DIVERGENCE, FIXED_SPLIT, MODES, ONE_RATE, lectures
from harness.subjects.works import Work

GLOSSARY = (
    (
        "Loss.",
        "Nats a character, over the characters of the words and the boundary at each word's end: "
        "the same ones as the MLP's. Padding is not counted.",
    ),
    (
        "Attention.",
        "softmax: learned weights over the characters so far; uniform: their plain average, with "
        "learned values; none: blocks of feed-forward networks only, which see one character and "
        "its place.",
    ),
    (
        "Norm place.",
        "pre: x + branch(norm(x)), and a norm before the logits; post: norm(x + branch(x)).",
    ),
    (
        "Entropy of attention.",
        "Of the weights over the characters so far, nats: 0 for one character, ln t for all t "
        "alike.",
    ),
    MODES,
    DIVERGENCE,
)

CITATIONS = (
    lectures("makemore and “Let’s build GPT”, the network"),
    Work(
        ("Vaswani, Ashish", "Shazeer, Noam", "Parmar, Niki", "Uszkoreit, Jakob", "Jones, Llion",
         "Gomez, Aidan N.", "Kaiser, Łukasz", "Polosukhin, Illia"), 2017,
        "Attention Is All You Need", "https://arxiv.org/abs/1706.03762",
    ),
    Work(
        ("Ba, Jimmy Lei", "Kiros, Jamie Ryan", "Hinton, Geoffrey E."), 2016,
        "Layer Normalization", "https://arxiv.org/abs/1607.06450",
    ),
    Work(
        ("Zhang, Biao", "Sennrich, Rico"), 2019, "Root Mean Square Layer Normalization",
        "https://arxiv.org/abs/1910.07467",
    ),
    Work(
        ("Xiong, Ruibin", "Yang, Yunchang", "He, Di", "Zheng, Kai", "Zheng, Shuxin", "Xing, Chen",
         "Zhang, Huishuai", "Lan, Yanyan", "Wang, Liwei", "Liu, Tie-Yan"), 2020,
        "On Layer Normalization in the Transformer Architecture",
        "https://arxiv.org/abs/2002.04745",
    ),
    Work(
        ("Radford, Alec", "Wu, Jeffrey", "Child, Rewon", "Luan, David", "Amodei, Dario",
         "Sutskever, Ilya"), 2019,
        "Language Models are Unsupervised Multitask Learners",
        "https://cdn.openai.com/better-language-models/"
        "language_models_are_unsupervised_multitask_learners.pdf",
        "scaled residual projections, section 2.3",
    ),
    Work(
        ("Haviv, Adi", "Ram, Ori", "Press, Ofir", "Izsak, Peter", "Levy, Omer"), 2022,
        "Transformer Language Models without Positional Encodings Still Learn Positional "
        "Information",
        "https://arxiv.org/abs/2203.16634",
    ),
)  # fmt: skip


def caveats(varied: set[str], variants: Sequence[Fields]) -> list[str]:
    """What a study that varies these fields cannot tell, given the fields of its variants."""
    found = [FIXED_SPLIT]
    if "lr" not in varied:
        found.append(ONE_RATE)
    if "attention" in varied:
        found.append(
            "Attention has more weights than the average, and the average more than none: their "
            "differences are also differences in size."
        )
    plain = any(not f.residual and f.residual_init == "scaled" for f in variants)
    if "residual" in varied and plain:
        found.append(
            "Networks with residual connections start with their branches scaled down, those "
            "without do not: the two differ in initialisation too."
        )
    if max((f.steps for f in variants), default=0) < 5000:
        found.append("Training is short: what helps early may not help in the end.")
    return found
