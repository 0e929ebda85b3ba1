"""What reports say about this network in words: terms, sources, and what a study cannot tell."""

from collections.abc import Sequence

from harness.subjects.char_mlp.fields import Fields
from harness.subjects.char_mlp.measured import SATURATED
from harness.subjects.characters import DIVERGENCE, FIXED_SPLIT, MODES, ONE_RATE, lectures
from harness.subjects.works import Work

GLOSSARY = (
    ("Saturation.", f"Share of hidden outputs with an absolute value above {SATURATED}."),
    MODES,
    DIVERGENCE,
)

CITATIONS = (
    lectures("makemore parts 2–4, the network, its diagnostics and most of what is tested here"),
    Work(
        ("Ioffe, Sergey", "Szegedy, Christian"), 2015,
        "Batch Normalization: Accelerating Deep Network Training by Reducing Internal Covariate "
        "Shift",
        "https://arxiv.org/abs/1502.03167",
    ),
    Work(
        ("He, Kaiming", "Zhang, Xiangyu", "Ren, Shaoqing", "Sun, Jian"), 2015,
        "Delving Deep into Rectifiers: Surpassing Human-Level Performance on ImageNet "
        "Classification",
        "https://arxiv.org/abs/1502.01852",
    ),
    Work(
        ("Glorot, Xavier", "Bengio, Yoshua"), 2010,
        "Understanding the difficulty of training deep feedforward neural networks",
        "https://proceedings.mlr.press/v9/glorot10a.html",
    ),
    Work(
        ("Santurkar, Shibani", "Tsipras, Dimitris", "Ilyas, Andrew", "Madry, Aleksander"), 2018,
        "How Does Batch Normalization Help Optimization?", "https://arxiv.org/abs/1805.11604",
    ),
    Work(
        ("Yang, Greg", "Pennington, Jeffrey", "Rao, Vinay", "Sohl-Dickstein, Jascha",
         "Schoenholz, Samuel S."), 2019,
        "A Mean Field Theory of Batch Normalization", "https://arxiv.org/abs/1902.08129",
    ),
)  # fmt: skip


def caveats(varied: set[str], variants: Sequence[Fields]) -> list[str]:
    """What a study that varies these fields cannot tell, given the fields of its variants."""
    found = []
    if any(fields.split == "fixed" for fields in variants):
        found.append(FIXED_SPLIT)
    if "lr" in varied:
        return found
    if "init" in varied and "batch" in {fields.norm for fields in variants}:
        found.append(
            "One learning rate for all variants confounds normalisation and init: under BatchNorm "
            "the forward pass ignores the scale of the weights, so naive init is Kaiming init with "
            "the learning rate divided by fan_in."
        )
    elif {"norm", "init", "gain"} & varied:
        found.append(ONE_RATE)
    return found
