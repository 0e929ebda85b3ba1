"""A user's own loop is driven step by step, resumed exactly, and refused where it is wrong."""

import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from harness.errors import UserError
from harness.study.plan import Run, Stack
from harness.study.request import Plan, Request
from harness.subjects import find_subject
from harness.subjects.loop.members import LoopMembers
from harness.subjects.loop.run import LoopRun, from_arrays, to_arrays
from harness.training.records import Checkpoint, Result
from harness.training.trainer import train
from harness.training.verify import bit_differences, restacked, retrain
from tests.support.loops import LOOP, LOOP_STUDY


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "loop.py").write_text(LOOP)
    return tmp_path


def plan(folder: Path, steps: int = 120) -> Plan:
    (folder / "s.toml").write_text(LOOP_STUDY.format(steps=steps))
    return Request(str(folder / "s.toml")).resolve()


def events(asked: Plan, runs: Sequence[Run], **options: Any) -> list[Any]:
    return list(train(Stack(tuple(runs)), asked.subject, asked.data, **options))


def test_its_metrics_are_responses_and_the_first_is_primary(folder: Path) -> None:
    subject = plan(folder).subject
    assert subject.primary == "final/dev_error"
    assert subject.responses["final/dev_error"].axis == "squared error"
    assert subject.responses["final/dev_error"].direction == "lower"
    assert subject.responses["final/near"].direction == "higher"
    assert set(subject.curves) == {"train/loss", "train/dev_error", "train/near"}


@pytest.mark.parametrize("saves", [True, False])
def test_bits_depend_neither_on_company_nor_on_an_interruption(folder: Path, saves: bool) -> None:
    if not saves:
        text = LOOP.replace("        run.save(", "        dict(")
        (folder / "loop.py").write_text(text)
    asked = plan(folder)
    run = asked.runs[0]
    alone = retrain(run, [], asked.subject, asked.data)
    for comparison in restacked(run, alone, asked.runs, asked.subject, asked.data):
        assert comparison.deviation == 0, comparison
    stopping = events(asked, [run], checkpoint_wanted=lambda: True)
    kept = [event for event in stopping if isinstance(event, Checkpoint)]
    assert [checkpoint.step for checkpoint in kept] == [50, 100]
    for checkpoint in kept:
        (resumed,) = [e for e in events(asked, [run], resume=checkpoint) if isinstance(e, Result)]
        trace = resumed.trace.columns()
        for comparison in bit_differences("resumed", alone, resumed.files, trace):
            assert comparison.deviation == 0, comparison


def test_metrics_on_the_way_are_curves_also_in_company_and_after_an_interruption(
    folder: Path,
) -> None:
    """One that is yielded now and then, by this run alone, is followed by its latest value."""
    text = LOOP.replace(
        'yield step, {"loss": (error**2).mean()}',
        'now = {"near": step} if run.seed == 1 and step % 40 == 0 else {}\n'
        '        yield step, {"loss": (error**2).mean(), **now}',
    )
    (folder / "loop.py").write_text(text)
    asked = plan(folder)
    run = asked.runs[0]
    alone = retrain(run, [], asked.subject, asked.data)
    assert alone.trace.at("train/near", 119) == 80
    assert "train/dev_error" not in alone.trace.columns()["series"]
    for comparison in restacked(run, alone, asked.runs, asked.subject, asked.data):
        assert comparison.deviation == 0, comparison
    checkpoint = next(e for e in events(asked, [run], checkpoint_wanted=lambda: True)
                      if isinstance(e, Checkpoint))  # fmt: skip
    (resumed,) = [e for e in events(asked, [run], resume=checkpoint) if isinstance(e, Result)]
    (same, *_) = bit_differences("resumed", alone, resumed.files, resumed.trace.columns())
    assert same.deviation == 0


def test_a_loop_that_goes_on_beyond_the_step_that_is_due_is_refused(folder: Path) -> None:
    late = LOOP.replace('"step": step + 1', '"step": step + 3')
    (folder / "loop.py").write_text(late)
    asked = plan(folder)
    stopping = events(asked, asked.runs[:1], checkpoint_wanted=lambda: True)
    checkpoint = next(event for event in stopping if isinstance(event, Checkpoint))
    with pytest.raises(UserError, match="must yield every step; received step 51 where 50 was due"):
        events(asked, asked.runs[:1], resume=checkpoint)


def test_a_loss_that_is_not_finite_ends_the_run_and_not_its_neighbours(folder: Path) -> None:
    asked = plan(folder)
    runs = asked.runs[:2]
    wild = runs[0].fields.model_copy(update={"lr": 1e9})
    members = LoopMembers(find_subject(str(folder / "loop.py")).file,  # type: ignore[attr-defined]
                          ["dev_error", "near"], [wild, runs[1].fields], [1, 2], None)  # fmt: skip
    rows = np.zeros((1, 2, 16), np.int64)
    step = 0
    with np.errstate(over="ignore", invalid="ignore"):
        while (taken := members.advance(step, rows, False)).taken.all():
            step += 1
    assert taken.taken.tolist() == [0, 1]
    members.keep([1])
    assert members.advance(step + 1, rows[:, 1:], False).taken.tolist() == [1]


def test_minibatches_of_a_seed_are_equal_and_within_the_examples() -> None:
    ours, theirs = (LoopRun(None, 3, 10, 16) for _ in range(2))
    rows = ours.rows(4, 50)
    assert rows.tolist() == theirs.rows(4, 50).tolist()
    assert rows.tolist() != ours.rows(5, 50).tolist()
    assert rows.shape == (16,)
    assert rows.min() >= 0
    assert rows.max() < 50


def test_a_state_keeps_arrays_numbers_and_generators_exactly() -> None:
    state = {
        "w": np.array([0.1, np.nan]),
        "rng": np.random.default_rng(5).bit_generator.state,
        "nested": {"step": 3, "moments": {"first": np.float32(0.1) * np.ones(2, np.float32)}},
    }
    found = from_arrays(to_arrays(state))
    assert found["rng"] == state["rng"]
    assert found["nested"]["step"] == 3
    np.testing.assert_array_equal(found["w"], state["w"])
    assert found["nested"]["moments"]["first"].dtype == np.float32


def test_saved_states_are_copies() -> None:
    run, w = LoopRun(None, 1, 10, 4), np.zeros(2)
    run.save({"w": w})
    w += 1
    first = run.restore()
    assert first is not None
    assert first["w"].tolist() == [0, 0]


def test_a_loop_needs_no_torch(folder: Path) -> None:
    code = (
        f"import sys; from harness.subjects import find_subject\n"
        f"s = find_subject({str(folder / 'loop.py')!r}); list(s.check(s.Fields(), None))\n"
        f"print('torch' in sys.modules)"
    )
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout == "False\n"


def check(folder: Path) -> list[str]:
    subject = find_subject(str(folder / "loop.py"))
    return list(subject.check(subject.Fields(), subject.load(None, folder)))


def test_check_says_what_holds(folder: Path) -> None:
    assert check(folder) == [
        "loop: 4 steps give the same numbers twice",
        "loop: it goes on from what it saved with the same numbers",
    ]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (('yield step, {"loss": (error**2).mean()}', "yield (error**2).mean()"),
         "loop.py: train(run) must yield a step and a dictionary of metrics; received "),
        (('"loss": (error**2).mean()}', '"near": 1.0}'),
         "loop.py: train(run) must yield a loss at every step; received near at step 0. Add"),
        (('"loss": (error**2).mean()}', '"loss": 1.0, "acuracy": 1.0}'),
         "loop.py: METRICS must name every metric that train(run) yields; received 'acuracy'. Add"),
        (('"loss": (error**2).mean()}', '"loss": "low"}'),
         "loop.py: the value of 'loss' must run; received ValueError: could not convert string"),
        (("    yield run.steps,", "    return\n    yield run.steps,"),
         "loop.py: train(run) must yield every step up to run.steps - 1, then 4, final metrics; "
         "received an end after step 3."),
        (("default_rng(run.seed)", "default_rng()"),
         "loop.py: train(run) must yield the same numbers for the same seed; received "
         "different numbers in"),
        (('saved["w"], saved["step"], saved["rng"]', '0 * saved["w"], saved["step"], saved["rng"]'),
         "loop.py: a loop that continues from run.restore() must yield the same numbers; received"),
        (('"step": step + 1', '"step": step + 2'),
         "loop.py: a loop that continues from run.restore() must yield the same numbers; received"),
        (('"step": step + 1', '"step": step + 1, "names": np.array(["a"])'),
         "loop.py: run.save(state) must run; received TypeError: no checkpoint can hold "
         "saved/names, of <U1. Fix"),
        (('"step": step + 1', '"step": step + 1, "spectrum": np.fft.fft(w)'),
         "loop.py: run.save(state) must run; received TypeError: no checkpoint can hold "
         "saved/spectrum, of complex128. Fix"),
        (('"step": step + 1', '"step": object()'),
         "loop.py: run.save(state) must run; received TypeError: Object of type object is not"),
        (("    x, y = points()\n", "    x, y = point()\n"),
         "loop.py: train(run) must run; received loop.py:28 in train: x, y = point(); NameError"),
        (('        yield step, {"loss": (error**2).mean()}',
          '        yield 2 * step, {"loss": (error**2).mean()}'),
         "loop.py: train(run) must yield every step in order, from 0 on; received step 2 after 0."),
        (('        yield step, {"loss"', '        yield step + 1, {"loss"'),
         "loop.py: train(run) must yield every step in order, from 0 on; received step 1 first."),
        (('        yield step, {"loss"', '        yield -1, {"loss"'),
         "loop.py: train(run) must yield every step in order, from 0 on; received step -1 first."),
        (('"near": (abs(error) < 0.2).mean()}', '}'),
         "loop.py: train(run) must yield every metric of METRICS at the end; received no near."),
        (('    "near": {', '    "near by": {'),
         "loop.py: names of metrics must consist of letters, digits and _, 100 at most; received "
         "'near by'. Rename"),
        (('{"label": "squared error"}', '{"label": 3}'),
         "loop.py: the label of 'dev_error' must be a text of a line, 100 characters at most; "
         "received 3. Write one."),
        (("    x, y = points()\n", "    x, y = points()\n    raise SystemExit(0)\n"),
         "loop.py: train(run) must run; received loop.py:29 in train: raise SystemExit(0);"),
        (("METRICS = {\n", "FILES = 3\nMETRICS = {\n"),
         "loop.py: FILES must be a list of paths; received 3. Write "),
        (("METRICS = {\n", "METRICS = {}\n_ = {\n"),
         "loop.py: METRICS must name what the loop measures at its end; received none. Write"),
        (('"direction": "higher"', '"direction": "up"'),
         "loop.py: the direction of 'near' must be 'lower' or 'higher'; received 'up'. Choose one"),
        (('"unit": "share"', '"units": "share"'),
         "loop.py: METRICS may say label, unit, direction, cap of 'near'; received units. Did you"),
        (("METRICS = {\n", "_ = {\n"),
         "loop.py must define Fields, METRICS, train; received no METRICS. "),
        (("    lr: float = 0.1", "    lr: float = 'fast'"),
         "loop.py: defaults of Fields must have the fields' types; received 'lr': <class 'float'>"),
    ],
)  # fmt: skip
def test_a_broken_loop_is_refused_in_one_message(
    folder: Path, change: tuple[str, str], message: str
) -> None:
    assert change[0] in LOOP
    (folder / "loop.py").write_text(LOOP.replace(*change, 1))
    with pytest.raises(UserError) as error:
        check(folder)
    assert str(error.value).startswith(message)


def test_a_file_of_data_counts_towards_the_identity(folder: Path) -> None:
    (folder / "loop.py").write_text(LOOP + '\nFILES = ["points.csv"]\n')
    with pytest.raises(UserError, match=r"FILES must list files beside it; received 'points.csv'"):
        plan(folder)
    (folder / "points.csv").write_text("1")
    one = plan(folder).runs[0].key
    (folder / "points.csv").write_text("2")
    assert plan(folder).runs[0].key != one


def test_files_of_data_are_told_apart_where_they_hold_the_same_bytes_in_all(folder: Path) -> None:
    (folder / "loop.py").write_text(LOOP + '\nFILES = ["x.csv", "y.csv"]\n')
    digests = set()
    for x, y in (("12", "3"), ("1", "23")):
        (folder / "x.csv").write_text(x)
        (folder / "y.csv").write_text(y)
        digests.add(plan(folder).data.digest)
    assert len(digests) == 2
