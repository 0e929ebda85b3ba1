"""A trial of a few steps finds what would spoil a study without an error."""

from pathlib import Path

import pytest

from harness.errors import UserError
from harness.subjects import find_subject
from tests.subjects.torch.test_user_file import MODEL

LOSS = "    return (model(x) - y) ** 2"
SPLITS = '{"train": (x[:200], y[:200]), "dev": (x[200:250], y[200:250]),'
NET = "class Net(nn.Module):\n    def __init__(self):\n        super().__init__()\n        "


def check(folder: Path, text: str) -> list[str]:
    (folder / "net.py").write_text(text)
    subject = find_subject(str(folder / "net.py"))
    fields = subject.Fields(steps=10)
    return list(subject.check(fields, subject.load(None, folder)))


def test_check_says_what_holds(tmp_path: Path) -> None:
    assert check(tmp_path, MODEL) == [
        "data: equal when loaded twice, finite, 200 train, 50 dev, 50 test examples",
        "build: two models of a seed are equal, 57 parameters",
        "loss and metrics: one value or more an example, equal each time in eval mode",
        "gradients: every parameter has one",
        "training: 2 + 2 steps around a checkpoint equal 4 steps",
        "evaluation: every split is measured, and so is the inside of the model",
    ]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (("torch.rand(300, 3, generator=g)", "torch.rand(300, 3)"),
         "net.py: data(fields) must return the same tensors each time; received different "
         "tensors in the second"),
        (("(x[200:250], y[200:250])", "(x[150:200], y[150:200])"),
         "net.py: splits must not share examples; received train and dev share memory. "
         "Use different rows for each split."),
        (("def build(fields):", "import os\n\ndef build(fields):\n    torch.manual_seed("
          "int.from_bytes(os.urandom(4), 'big'))"),
         "net.py: build(fields) must return the same weights for the same seed; received "
         "'0.weight'"),
        (("def build(fields):", "def build(fields):\n    return None"),
         "net.py: build(fields) must return a torch.nn.Module; received NoneType. Return the "
         "model."),
        ((LOSS, "    return ((model(x) - y) ** 2).mean()"),
         "net.py: loss(model, batch) must give unreduced losses, a floating-point tensor; received "
         "one number for 4 examples. Leave out the mean"),
        ((LOSS, "    return ((model(x) - y) ** 2).tolist()"),
         "net.py: loss(model, batch) must give unreduced losses, a floating-point tensor; received "
         "list. Return the losses themselves."),
        (("    return nn.Sequential(", "    return kept(torch.complex128)\n\ndef kept(kind):\n"
          "    net = nn.Linear(3, 1)\n    net.register_buffer('kept', torch.ones(1, dtype=kind))\n"
          "    return net\n\ndef old(activation):\n    return nn.Sequential("),
         "net.py: parameters and buffers must have a type that checkpoints can hold; received "
         "'kept' in torch.complex128. Keep it in"),
        (("    return nn.Sequential(", "    return kept(torch.bfloat16)\n\ndef kept(kind):\n"
          "    net = nn.Linear(3, 1)\n    net.register_buffer('kept', torch.ones(1, dtype=kind))\n"
          "    return net\n\ndef old(activation):\n    return nn.Sequential("),
         "net.py: parameters and buffers must have a type that checkpoints can hold; received "
         "'kept' in torch.bfloat16. Keep it in"),
        ((LOSS, "    return ((model(x) - y) ** 2).to_sparse()"),
         "net.py: loss(model, batch) must give unreduced losses, a floating-point tensor; received "
         "torch.sparse_coo. Return the losses' to_dense()."),
        ((LOSS, "    return (model(x.mul_(2)) - y) ** 2"),
         "net.py: losses must be the same each time in eval mode; received different losses in the "
         "second call, of a batch that the first one changed. Change a copy of the batch: x = "),
        ((LOSS, "    return (model(x) > y).long()"),
         "net.py: loss(model, batch) must give unreduced losses, a floating-point tensor; received "
         "torch.int64."),
        ((LOSS, "    return (model(x).detach() - y) ** 2"),
         "net.py: the loss must depend on the parameters; received losses without a gradient."),
        ((LOSS, f"{LOSS} + torch.rand(())"),
         "net.py: losses must be the same each time in eval mode; received different losses in"),
        ((LOSS, f"    import numpy as np\n{LOSS} * np.random.rand()"),
         "net.py: loss must draw its random numbers with torch; received draws from numpy.random. "
         "Use torch.rand"),
        ((LOSS, f"    import random\n{LOSS} * random.random()"),
         "net.py: loss must draw its random numbers with torch; received draws from random. Use"),
        (("< 0.1).float()", "< 0.1).float().mean()"),
         "net.py: metrics(model, batch) must give one value an example by name; received 1 of "
         "'near' for 4 examples. Leave out the mean; the harness takes it."),
        (('{"near":', '{"near 0.1":'),
         "net.py: metrics(model, batch) must give one value an example by name; received the name "
         "'near 0.1'. Use letters, digits and _"),
        (('return {"near": ', "return ["), "net.py must run when it is imported; received net.py:"),
        (("nn.LazyLinear(1))", "nn.LazyLinear(1), Unused())\n\n\n" + NET
          + "self.w = nn.Parameter(torch.ones(2))\n    def forward(self, x):\n        return x\n"
          "\n\nUnused = Net"),
         "net.py: every parameter must have a gradient; received none for 5.w. Use it in"),
        (("nn.LazyLinear(1))", "nn.LazyLinear(1), Counting())\n\n\n" + NET
          + "self.seen = 0\n    def forward(self, x):\n        self.seen += self.training\n"
          "        return x * self.seen if self.training else x\n\n\nCounting = Net"),
         "net.py: everything that training changes must be in the model's state_dict; received "),
        (("nn.LazyLinear(1))", "nn.LazyLinear(1), Extra())\n\n\n" + NET
          + "pass\n    def forward(self, x):\n        return x\n    def get_extra_state(self):\n"
          "        return {'seen': 1}\n    def set_extra_state(self, state):\n        pass\n\n\n"
          "Extra = Net"),
         "net.py: the state of a model must be tensors; received '5._extra_state'"),
        (("    width: int = 8", "    _width: int = 8"),
         "net.py: Fields must have public names and be set by Fields(...); received '_width'. "),
        (("    width: int = 8", "    subject: int = 8"),
         "net.py: Fields must not use a name of the harness's fields; received 'subject'. Rename"),
        (("    width: int = 8\n", "    width: int = 8\n    def __post_init__(self):\n"
          "        raise ValueError('too wide')\n"),
         "net.py: Fields(...) must run; received net.py:14 in __post_init__: raise ValueError"),
        (("def build(fields):", "SHARED = nn.Linear(3, 3)\n\ndef build(fields):\n"
          "    return nn.Sequential(SHARED, nn.Linear(3, 1))\n\ndef old(fields):"),
         "net.py: build(fields) must create a new model each time; received a model that shares"),
        (("((model(x) - y).abs() < 0.1).float()", "torch.rand(len(x))"),
         "net.py: metrics must be the same each time in eval mode; received a different 'near' in"),
        (("    x, y = batch\n    return {", "    x, y = batch\n    model.train()\n    return {"),
         "net.py: loss and metrics must not change the model in eval mode; received '1.run"),
        (('"dev": (x[200:250], y[200:250])', '"dev": (x[200:250].double(), y[200:250])'),
         "net.py: splits must hold tensors of the same types; received torch.float32, "),
        ((LOSS, "    h = model(x).relu()\n    h += 1\n    return (h.exp() * h - y).relu_() ** 2"),
         "net.py: the backward pass must run; received RuntimeError: one of the variables needed"),
        (("import torch\n", "import torch\nVERSION = None\n"),
         "net.py: VERSION must be a text or a number; received None. Write a number or a text"),
        (("    x = torch.rand(300, 3, generator=g)\n",
          "    x = torch.rand(300, 3, generator=g)\n    return {1: x, 'a': x}\n"),
         "net.py: data(fields) must give tuples of tensors for train, dev and test; received ['1'"),
        (("    width: int = 8", "    width: int = 8.5"),
         "net.py: defaults of Fields must have the fields' types; received 'width': <class"),
        ((LOSS, "    return (model(x) @ y - y) ** 2"),
         "net.py: loss(model, batch) must run; received net.py:35 in loss: return (model(x) @ y"),
    ],
)  # fmt: skip
def test_what_would_spoil_a_study_is_refused_in_one_message(
    tmp_path: Path, change: tuple[str, str], message: str
) -> None:
    assert change[0] in MODEL
    with pytest.raises(UserError) as error:
        check(tmp_path, MODEL.replace(*change, 1))
    assert str(error.value).startswith(message)


def test_texts_of_a_sample_are_tried(tmp_path: Path) -> None:
    lines = check(tmp_path, MODEL + "\n\ndef sample(model, generator):\n    return ['a', 'b']\n")
    assert lines[-1] == "sample: gives texts"
    other = tmp_path / "other"
    other.mkdir()  # a file is read once a process
    with pytest.raises(UserError, match=r"sample\(model, generator\) must return a list of texts"):
        check(other, MODEL + "\n\ndef sample(model, generator):\n    return 'a'\n")


def test_dropout_is_no_hidden_state(tmp_path: Path) -> None:
    """It draws by torch's global generator, whose state a checkpoint holds."""
    assert len(check(tmp_path, MODEL.replace("dropout: float = 0.2", "dropout: float = 0.5"))) == 6


def test_what_only_looks_like_a_mistake_passes(tmp_path: Path) -> None:
    interleaved = (
        '{"train": (x[::2], y[::2]), "dev": (x[1::4], y[1::4]), "test": (x[3::4], y[3::4])}'
    )
    start = MODEL.index('{"train"')
    end = MODEL.index("}", start) + 1
    text = MODEL[:start] + interleaved + MODEL[end:]
    for number, changed in enumerate((
        text,
        text.replace("torch.rand(300, 3, generator=g)", "torch.rand(3, 300, generator=g).T"),
        MODEL.replace("nn.BatchNorm1d(fields.width)", "nn.LazyBatchNorm1d(affine=False)"),
    )):  # fmt: skip
        folder = tmp_path / str(number)
        folder.mkdir()
        assert len(check(folder, changed)) == 6
