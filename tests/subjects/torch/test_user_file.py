"""A user's file is trained by ordinary torch, alone, exactly, and refused where it is wrong."""

import pickle
import sys
import warnings
from collections import OrderedDict
from collections.abc import Sequence
from math import log10
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import load
from torch.nn.functional import mse_loss

from harness.errors import Interruption, UserError
from harness.study.files import load_study, parse_study
from harness.study.plan import Run, Stack
from harness.study.request import Plan, Request
from harness.subjects import find_subject
from harness.subjects.streams import seeded, stream
from harness.subjects.subject import WEIGHTS
from harness.subjects.torch.data import SPLITS, digest
from harness.subjects.torch.members import all_finite
from harness.subjects.torch.taps import Taps, distinct, tap_name, update_data
from harness.subjects.user_file import load_user_file
from harness.training.minibatches import Minibatches
from harness.training.records import Checkpoint, Result
from harness.training.trainer import train
from harness.training.verify import bit_differences, restacked, retrain

MODEL = '''
"""A small net on a noisy surface."""
from dataclasses import dataclass
from typing import Literal

import torch
from torch import nn


@dataclass(frozen=True)
class Fields:
    width: int = 8
    activation: Literal["tanh", "relu"] = "tanh"
    norm: bool = True
    dropout: float = 0.2


def data(fields):
    g = torch.Generator().manual_seed(1)
    x = torch.rand(300, 3, generator=g)
    y = (x[:, :1] * x[:, 1:2] - x[:, 2:]).sin()
    return {"train": (x[:200], y[:200]), "dev": (x[200:250], y[200:250]),
            "test": (x[250:], y[250:])}


def build(fields):
    activation = {"tanh": nn.Tanh, "relu": nn.ReLU}[fields.activation]()
    norm = [nn.BatchNorm1d(fields.width)] if fields.norm else []
    return nn.Sequential(nn.Linear(3, fields.width), *norm, activation,
                         nn.Dropout(fields.dropout), nn.LazyLinear(1))


def loss(model, batch):
    x, y = batch
    return (model(x) - y) ** 2


def metrics(model, batch):
    x, y = batch
    return {"near": ((model(x) - y).abs() < 0.1).float()}
'''
STUDY = """
question = "Does it fit?"
subject = "net.py"
seeds = 2
[fixed]
steps = 120
batch = 16
lr = {lr}
optimizer = "{optimizer}"
[factors]
activation = ["tanh", "relu"]
[baseline]
activation = "tanh"
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "net.py").write_text(MODEL)
    return tmp_path


def plan(folder: Path, optimizer: str = "adamw", lr: float = 0.01) -> Plan:
    (folder / "s.toml").write_text(STUDY.format(optimizer=optimizer, lr=lr))
    return Request(str(folder / "s.toml")).resolve()


def events(asked: Plan, runs: Sequence[Run], **options: Any) -> list[Any]:
    return list(train(Stack(tuple(runs)), asked.subject, asked.data, **options))


def test_a_study_finds_its_file_and_has_its_metrics_as_responses(folder: Path) -> None:
    asked = plan(folder)
    assert asked.subject.name == "net"
    assert asked.study.primary == "final/dev_loss"
    assert {"final/dev_near", "final/test_near", "init/loss"} <= asked.subject.responses.keys()
    assert asked.subject.responses["final/dev_near"].direction == "higher"
    elsewhere = {name: one.elsewhere for name, one in asked.subject.responses.items()}
    assert elsewhere["final/dev_near"] == "final/test_near"
    assert elsewhere["final/test_near"] == elsewhere["final/train_near"] == ""
    not_chosen_by = {name for name, one in asked.subject.responses.items() if not one.selects}
    assert not_chosen_by == {"final/test_loss", "final/test_near"}
    assert asked.data.size == "200 train, 50 dev, 50 test examples"


@pytest.mark.parametrize("optimizer", ["sgd", "adam", "adamw"])
def test_bits_depend_neither_on_company_nor_on_an_interruption(
    folder: Path, optimizer: str
) -> None:
    asked = plan(folder, optimizer)
    run = asked.runs[0]
    alone = retrain(run, [], asked.subject, asked.data)
    for comparison in restacked(run, alone, asked.runs, asked.subject, asked.data):
        assert comparison.deviation == 0, comparison
    stopping = events(asked, [run], checkpoint_wanted=lambda: True)
    kept = next(event for event in stopping if isinstance(event, Checkpoint))
    assert kept.step == 50
    (resumed,) = [e for e in events(asked, [run], resume=kept) if isinstance(e, Result)]
    trace = resumed.trace.columns()
    for comparison in bit_differences("resumed", alone, resumed.files, trace):
        assert comparison.deviation == 0, comparison
    assert resumed.facts["minibatches"] == alone.facts["minibatches"]
    renamed = trace | {"name": np.where(trace["name"] == "2.act", "3.act", trace["name"])}
    *_, measured = bit_differences("renamed", alone, resumed.files, renamed)
    assert measured.deviation == np.inf


def test_training_is_that_of_a_plain_loop_probes_or_not(folder: Path) -> None:
    """The same draws, minibatches and noise in a loop of the user's own give the same weights."""
    asked = plan(folder, "sgd")
    run = asked.runs[0]
    result = retrain(run, [], asked.subject, asked.data)
    module = load_user_file(folder / "net.py").module
    splits, fields = module.data(module.Fields()), run.fields
    with seeded(stream(run.seed, "weights")):
        model = module.build(module.Fields()).eval()
        model(splits["train"][0][:2])
    model.train()
    optimizer = torch.optim.SGD(model.parameters(), fields.lr, foreach=False)
    torch.set_rng_state(stream(run.seed, "noise").get_state())
    minibatches = Minibatches([run.seed], [200], 16)
    for step in range(120):
        rows = torch.from_numpy(minibatches.between(step, step + 1)[0, 0])
        x, y = splits["train"][0][rows], splits["train"][1][rows]
        optimizer.param_groups[0]["lr"] = fields.lr * (0.1 if step >= 90 else 1.0)
        optimizer.zero_grad()
        mse_loss(model(x), y).backward()
        optimizer.step()
    for name, tensor in load(result.files[WEIGHTS]).items():
        assert torch.allclose(tensor, model.state_dict()[name], atol=1e-6), name


def test_a_run_that_diverges_keeps_its_last_finite_state(folder: Path) -> None:
    asked = plan(folder, "sgd", 1e6)
    (result,) = [e for e in events(asked, asked.runs[2:3]) if isinstance(e, Result)]
    assert result.outcome == "diverged"
    assert all(t.isfinite().all() for t in load(result.files[WEIGHTS]).values())


def test_layers_and_updates_are_measured(folder: Path) -> None:
    asked = plan(folder)
    result = retrain(asked.runs[0], [], asked.subject, asked.data)
    gap = asked.subject.responses["final/gap"].of(result.trace)
    assert gap == result.trace.last("final_dev_loss") - result.trace.last("final_train_loss")
    assert result.trace.last("std").shape == (2,)  # the norm, then the activation
    assert np.isfinite(result.trace.last("gradient_std")).all()
    assert result.trace.last("update_data").shape == (2,)  # two weight matrices
    columns = result.trace.columns()
    names = {
        series: list(dict.fromkeys(columns["name"][columns["series"] == series]))
        for series in ("mean", "flat", "update_data", "train/loss")
    }
    assert names == {
        "mean": ["1.norm", "2.act"], "flat": ["2.act"], "update_data": ["0.weight", "4.weight"],
        "train/loss": [""],
    }  # fmt: skip


def test_variants_with_and_without_a_norm_name_what_each_has(folder: Path) -> None:
    plan(folder)
    text = (folder / "s.toml").read_text()
    (folder / "s.toml").write_text(
        text.replace('activation = ["tanh", "relu"]', "norm = [true, false]")
            .replace('activation = "tanh"', "norm = true").replace("steps = 120", "steps = 20")
    )  # fmt: skip
    asked = Request(str(folder / "s.toml")).resolve()
    names = set()
    for run in asked.runs:
        columns = retrain(run, [], asked.subject, asked.data).trace.columns()
        names.add((run.cell["norm"], *dict.fromkeys(columns["name"][columns["series"] == "std"])))
    assert names == {(True, "1.norm", "2.act"), (False, "1.act")}


def test_a_module_is_named_by_what_it_is_and_by_its_call() -> None:
    model = torch.nn.Sequential(
        OrderedDict(act=torch.nn.Tanh(), blocks=torch.nn.ModuleList([torch.nn.LayerNorm(1)]))
    )
    assert tap_name(model, "act") == "act"
    assert tap_name(model, "blocks.0") == "blocks.0.norm"
    assert tap_name(torch.nn.ReLU(), "") == "act"
    assert distinct(["norm", "act", "norm", "norm"]) == ["norm", "act", "norm (2)", "norm (3)"]


def test_a_comment_trains_nothing_anew_and_a_changed_layer_does(folder: Path) -> None:
    def version(text: str) -> str:
        (folder / "net.py").write_text(text)
        return load_user_file(folder / "net.py").version

    first = version(MODEL)
    assert version(MODEL.replace('"""A small net', '"""A tiny net') + "# a note\n") == first
    assert version(MODEL.replace("nn.Linear(3, fields.width)", "nn.Linear(3, 4)")) != first
    assert version(MODEL + "\nVERSION = 'mine'\n") == "mine"


def test_runs_and_subjects_travel_to_other_processes(folder: Path) -> None:
    asked = plan(folder)
    payload = pickle.dumps((asked.runs[0], asked.subject, asked.data))
    run, subject, data = pickle.loads(payload)  # noqa: S301 - written in the line above
    assert run == asked.runs[0]
    assert subject is asked.subject
    assert data == asked.data


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (("def build(fields):", "def make(fields):"),
         "net.py must define Fields, data, build; received no build. "),
        (("width: int = 8", "width: int"),
         "net.py: Fields must have defaults; received 'width'. Give it one."),
        (("width: int = 8", "lr: float = 8.0"),
         "net.py: Fields must not use a name of the harness's fields; received 'lr'. Rename it"),
        (("width: int = 8", "width: list = None"),
         "net.py: Fields must be int, float, bool, str or Literal; received 'width': <class "),
        (("@dataclass(frozen=True)", ""), "net.py: Fields must be a dataclass; received "),
        (("import torch\n", "import torch\nraise OSError('no disk')\n"),
         "net.py must run when it is imported; received net.py:7 in <module>: raise OSError"),
        (("import torch\n", "import torch\nimport os\nos.chdir('/')\n"),
         "net.py must leave the working directory as it is; received a change to /. Take out os"),
        (("    g = torch", "    raise GeneratorExit\n    g = torch"),
         "net.py: data(fields) must run; received net.py:19 in data: raise GeneratorExit"),
        (("def loss(model, batch):", "def loss(model, batch:"),
         "net.py must run when it is imported; received net.py:"),
        (('"dev": (x[200:250], y[200:250]),', ""),
         "net.py: data(fields) must give tuples of tensors for train, dev and test; received "
         "['test', 'train']."),
        (("y[:200])", "y[:100])"),
         "net.py: the tensors of a split must have the same number of examples, one or more; "
         "received train: 200, "),
        (("x = torch.rand(300, 3, generator=g)", "x = torch.full((300, 3), float('nan'))"),
         "net.py: data must be finite; received NaN or infinity in "),
        (("    g = torch", "    missing()\n    g = torch"),
         "net.py: data(fields) must run; received net.py:19 in data: missing(); NameError"),
        (("import torch\n", "import torch\nraise type('Odd', (Exception,), {'__str__': None})\n"),
         "net.py must run when it is imported; received net.py:7 in <module>: raise type"),
        (("    g = torch", "    import os; os.chdir('/')\n    g = torch"),
         "net.py must leave the working directory as it is; received a change to /. Take out os"),
        (('Literal["tanh", "relu"] = "tanh"', 'Literal[()] = "tanh"'),
         "net.py: Fields must be int, float, bool, str or Literal; received 'activation'"),
        (("width: int = 8", f"width: int = 8\n    text: str = {'x' * 501!r}"),
         "net.py: texts in Fields must have at most 500 characters, all printable; received "),
        (("width: int = 8", "width: int = 8\n    text: str = '\\ud800'"),
         "net.py: texts in Fields must have at most 500 characters, all printable; received "),
        (("width: int = 8", f"width: int = 8\n    {'x' * 101}: int = 1"),
         "net.py: Fields must have names of at most 100 characters; received "),
        (('"train": (x[:200], y[:200])', '"train": (x[:1], y[:1])'),
         "net.py: the training split must have two examples or more; received 1."),
        (("import torch\n", "import torch\nVERSION = '\\ud800'\n"),
         "net.py: VERSION must have at most 500 characters, all printable; received '\\ud800'."),
        (("import torch\n", "import torch\nVERSION = 10**5000\n"),
         "net.py: VERSION as a text must run; received ValueError: Exceeds the limit"),
        (("import torch\n", "import torch\nMETRICS = {'naer': {'direction': 'lower'}}\n"),
         "net.py: METRICS must be about the loss and what metrics(model, batch) gives; received "
         "'naer'. Did you mean 'near'?"),
        (("import torch\n", "import torch\nMETRICS = {'near': {'cap': 10**400}}\n"),
         "net.py: the cap of 'near' must be a number; received 1000"),
        (("import torch\n", "import torch\nMETRICS = {'near': {'label': 'a\\x1bb'}}\n"),
         "net.py: the label of 'near' must be a text of a line, 100 characters at most; received "),
        (('return {"near"', f'return {{"{"x" * 101}"'),
         "net.py: metrics(model, batch) must give one value an example by name; received the"),
        (('return {"near"', 'return {"near": no_such_thing, "n"'),
         "net.py: metrics(model, batch) must run; received net.py:"),
    ],
)  # fmt: skip
def test_a_broken_file_is_refused_in_one_message(
    folder: Path, change: tuple[str, str], message: str
) -> None:
    assert change[0] in MODEL
    (folder / "net.py").write_text(MODEL.replace(*change, 1))
    with pytest.raises(UserError) as error:
        plan(folder)
    assert str(error.value).startswith(message)


def test_names_that_a_module_makes_up_when_asked_are_not_asked_for(folder: Path) -> None:
    (folder / "net.py").write_text(f"{MODEL}\n\ndef __getattr__(name):\n    raise RuntimeError\n")
    assert len(plan(folder).runs) == 4


def test_a_long_expression_counts_by_its_text(folder: Path) -> None:
    long = f"\nX = {' + '.join(['1'] * 1400)}\n"
    versions = set()
    for end in ("", long, long.replace("1", "2", 1)):
        (folder / "net.py").write_text(MODEL + end)
        versions.add(load_user_file(folder / "net.py").version)
    assert len(versions) == 3


def test_a_file_that_is_not_there_and_other_data_are_refused(folder: Path) -> None:
    with pytest.raises(UserError, match=r"a subject file must be readable; received"):
        parse_study(STUDY.replace("net.py", "no.py").format(lr=1, optimizer="sgd").encode(), "s")
    plan(folder)
    with pytest.raises(
        UserError, match=r"net\.py: the file itself must define its data, in data\(fields\); rec"
    ):
        Request(str(folder / "s.toml"), data="names.txt").resolve()


def test_unknown_fields_of_a_file_are_refused_with_a_suggestion(folder: Path) -> None:
    text = STUDY.format(optimizer="sgd", lr=1).replace("activation =", "activatoin =")
    (folder / "s.toml").write_text(text)
    with pytest.raises(UserError, match="Did you mean 'activation'"):
        load_study(str(folder / "s.toml"))
    assert find_subject(str(folder / "net.py")).Fields.model_fields.keys() >= {"width", "lr"}


def test_compiling_is_advised_where_it_pays_off(folder: Path) -> None:
    subject: Any = plan(folder).subject
    few, many = ([subject.Fields(steps=steps, compile=c) for _ in range(3)]
                 for steps, c in ((1_000, True), (30_000, False)))  # fmt: skip
    says = "compile = true saves time from some 10,000 to 70,000 steps of a shape and worker on"
    assert subject.advice(few) == [f"{says}: 3,000 are too few"]
    assert subject.advice(many) == [f"{says}: one shape has 90,000"]
    assert subject.advice(many[:2]) == ()


def test_local_packages_count_and_names_of_pythons_modules_are_refused(folder: Path) -> None:
    package = folder / "parts"
    package.mkdir()
    (package / "__init__.py").write_text("A = 1\n")
    (package / "deep.py").write_text("B = 1\n")
    (folder / "net.py").write_text(MODEL + "\nfrom parts.deep import B\n")
    first = load_user_file(folder / "net.py").version
    (package / "deep.py").write_text("B = 1  # a comment\n")
    assert load_user_file(folder / "net.py").version == first
    (package / "deep.py").write_text("B = 2\n")
    second = load_user_file(folder / "net.py").version
    assert second != first
    (folder / "deep.py").write_text("B = 1\n")  # named as the package's
    (folder / "net.py").write_text(MODEL + "\nimport deep\nfrom parts.deep import B\n")
    third = load_user_file(folder / "net.py").version
    (package / "deep.py").write_text("B = 3\n")
    assert load_user_file(folder / "net.py").version not in (first, second, third)
    (folder / "code.py").write_text("C = 1\n")
    (folder / "net.py").write_text(MODEL + "\nimport code\n")
    with pytest.raises(UserError, match="must not have the name of a Python module; received"):
        load_user_file(folder / "net.py")


DATA = """
from dataclasses import dataclass
import torch
from torch import nn

LOADS = []


@dataclass(frozen=True)
class Fields:
    width: int = 4
    scale: float = 1.0

    def __post_init__(self):
        object.__setattr__(self, "twice", 2 * self.scale)


def data(fields):
    LOADS.append(1)
    x = torch.ones(10, 2) * {expression}
    return {{"train": (x, x), "dev": (x + 1, x), "test": (x + 2, x)}}


def build(fields):
    return nn.Linear(2, 2)
"""


@pytest.mark.parametrize(
    ("expression", "loads"),
    [("fields.scale", 2), ("vars(fields)['scale']", 4), ("fields.twice / 2", 4), ("1", 1)],
)
def test_data_are_loaded_anew_where_a_field_that_they_read_differs(
    tmp_path: Path, expression: str, loads: int
) -> None:
    (tmp_path / "d.py").write_text(DATA.format(expression=expression))
    subject: Any = find_subject(str(tmp_path / "d.py"))
    data = subject.load(None, tmp_path)
    for width in (4, 5):
        for scale in (1.0, 3.0):
            x, _ = data.splits(subject.Fields(width=width, scale=scale))["train"]
            assert x.eq(1.0 if expression == "1" else scale).all()
    assert len(subject.file.module.LOADS) == loads


def test_the_digest_of_data_tells_shapes_and_types_of_the_same_bytes_apart() -> None:
    x = torch.arange(8.0)
    of_dev = (x, x.reshape(2, 4), x.view(torch.int32))
    found = {digest({**dict.fromkeys(SPLITS, (x,)), "dev": (one,)}) for one in of_dev}
    assert len(found) == 3


@pytest.mark.parametrize("wrong", [float("nan"), float("inf"), -float("inf")])
@pytest.mark.parametrize("place", [0, 5])
def test_one_number_that_is_not_finite_is_seen(wrong: float, place: int) -> None:
    large = torch.full((6,), 3e38)  # whose sum and squares are not finite
    assert all_finite([large, torch.zeros(2, 2, dtype=torch.float64)])
    large[place] = wrong
    assert not all_finite([torch.ones(3), large])
    assert all_finite([])


def test_data_that_differ_in_another_process_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "net.py"
    path.write_text(
        MODEL.replace(
            "def data(fields):", "CALLS = []\n\n\ndef data(fields):\n    CALLS.append(1)"
        ).replace("manual_seed(1)", "manual_seed(len(CALLS))")
    )
    subject = find_subject(str(path))
    data = pickle.loads(pickle.dumps(subject.load(None, tmp_path)))  # noqa: S301 - our own bytes
    with pytest.raises(UserError, match=r"data\(fields\) must give the same in every process"):
        data.splits(subject.Fields())


def test_what_a_file_changes_for_the_whole_process_is_put_back(folder: Path) -> None:
    """Its output goes elsewhere, warnings are errors, and numbers have 64 bits."""
    changes = (
        "import sys, warnings\nsys.stdout = sys.stderr = None\nwarnings.simplefilter('error')\n"
    )
    outputs = sys.stdout, sys.stderr
    with warnings.catch_warnings():
        warnings.resetwarnings()
        (folder / "net.py").write_text(MODEL.replace("import torch\n", f"import torch\n{changes}"))
        plan(folder)
        assert warnings.filters[0][0] == "default"
    assert (sys.stdout, sys.stderr) == outputs


def test_gradients_are_looked_at_whatever_the_default_type() -> None:
    torch.set_default_dtype(torch.float64)
    try:
        assert all_finite([torch.ones(2), torch.ones(2, dtype=torch.float32)])
        assert not all_finite([torch.tensor([1.0, torch.inf])])
    finally:
        torch.set_default_dtype(torch.float32)


@pytest.mark.parametrize("way_out", [KeyboardInterrupt(), Interruption(130)])
def test_a_signal_that_comes_while_a_file_runs_is_no_fault_of_the_file(
    folder: Path, way_out: BaseException
) -> None:
    file = load_user_file(folder / "net.py")

    def interrupted() -> None:
        raise way_out

    with pytest.raises(type(way_out)):
        file.call("data(fields)", interrupted)


def test_a_relative_path_is_another_file_in_another_directory(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(folder)
    here = find_subject("net.py")
    other = tmp_path / "other"
    other.mkdir()
    (other / "net.py").write_text(MODEL.replace("import torch\n", "import torch\nOTHER = 1\n", 1))
    monkeypatch.chdir(other)
    assert find_subject("net.py").version != here.version


def test_a_finite_loss_with_a_gradient_that_is_none_ends_a_run(folder: Path) -> None:
    steep = "return (model(x) - y) ** 2 + 0 * (model(x) - model(x).detach()).abs().sqrt()"
    (folder / "net.py").write_text(
        MODEL.replace("return (model(x) - y) ** 2", steep).replace("dropout: float = 0.2",
                                                                   "dropout: float = 0.0")
    )  # fmt: skip
    asked = plan(folder)
    (result,) = [e for e in events(asked, asked.runs[:1]) if isinstance(e, Result)]
    assert (result.outcome, result.facts["diverged_cause"]) == ("diverged", "gradient")
    assert not len(result.trace.columns()["step"])  # nothing of a step that was not taken
    assert all(t.isfinite().all() for t in load(result.files[WEIGHTS]).values())


def test_a_step_that_is_not_taken_leaves_everything_as_it_was(folder: Path) -> None:
    """Also what its forward pass drew and added to running statistics."""
    lost = MODEL.replace("return (model(x) - y) ** 2", "return (model(x) - y) ** 2 * float('nan')")
    (folder / "net.py").write_text(lost)
    asked = plan(folder)
    run = asked.runs[0]
    members = asked.subject.start([run.fields], [run.seed], asked.data)
    before = members.state(0)
    rows = np.arange(run.fields.batch).reshape(1, 1, -1)
    assert members.advance(0, rows, probe=False).taken.tolist() == [0]
    after = members.state(0)
    assert after.keys() == before.keys()
    assert all(np.array_equal(after[name], array) for name, array in before.items())


@pytest.mark.parametrize(
    ("activation", "share"),
    [(torch.nn.ReLU(), 3 / 5), (torch.nn.Hardtanh(), 2 / 5), (torch.nn.GELU(), float("nan"))],
)
def test_outputs_at_the_ends_of_an_activation_have_no_slope(
    activation: torch.nn.Module, share: float
) -> None:
    taps = Taps(activation)
    with taps.watching():
        activation(torch.tensor([-2.0, -0.5, 0.0, 0.5, 2.0]))
    ((_, _, flat),) = taps.outputs
    assert flat == pytest.approx(share, nan_ok=True)


def test_an_update_is_measured_against_the_weight_before_it() -> None:
    old, new = [torch.tensor([1.0, -1.0])], [torch.tensor([3.0, -3.0])]
    assert update_data(old, new) == [pytest.approx(log10(2))]
