"""A user's file as a subject: read, checked and identified before anything of it is trained.

A file defines `Fields`, a frozen dataclass of int, float, bool, str or Literal fields with
defaults, and either `data` and `build` (a PyTorch model, see `harness.subjects.torch.file`) or
`METRICS` and `train` (a training loop of its own, see `harness.subjects.loop`). `VERSION`, where it
is bound, replaces the hash of the file in a run's identity.
"""

import ast
import dataclasses
import hashlib
import importlib.util
import os
import re
import sys
import traceback
import warnings
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, redirect_stderr, redirect_stdout
from dataclasses import dataclass
from math import isfinite
from pathlib import Path
from types import ModuleType
from typing import Any, Literal, TypeVar, get_args, get_origin, get_type_hints

from pydantic import ValidationError, create_model

from harness.errors import Interruption, UserError, suggest
from harness.files import require_regular
from harness.subjects.subject import Response, RunFields

IDENTITY = ("data", "seed", "subject", "version")  # what a run's identity holds beside its fields
MODEL = ("Fields", "data", "build")
LOOP = ("Fields", "METRICS", "train")
SCALARS = (int, float, bool, str)
MOST_FRAMES, LONGEST = 5, 300  # of an error that is shown, and characters of it
LARGEST_FILE = 10_000_000  # bytes of a subject that is a file
SHOWN = ("label", "unit", "direction", "cap")  # what METRICS may say of a metric
SPLITS = ("train", "dev", "test")

F = TypeVar("F", bound=RunFields)
T = TypeVar("T")


@dataclass(frozen=True)
class UserFile:
    """A user's file, imported.

    Attributes:
        path: where it is.
        module: what it binds.
        version: its `VERSION`, or a hash of its syntax tree and of the local modules it imports.
    """

    path: Path
    module: ModuleType
    version: str

    @property
    def name(self) -> str:
        """The file's name without its ending."""
        return self.path.stem

    @property
    def is_loop(self) -> bool:
        """Whether it has a training loop of its own, rather than a PyTorch model."""
        return hasattr(self.module, "train") and not hasattr(self.module, "build")

    def has(self, name: str) -> bool:
        """Whether it defines an optional part of the contract."""
        return hasattr(self.module, name)

    def call(self, signature: str, function: Callable[[], T]) -> T:
        """What a function of the file gives.

        Args:
            signature: of the function, for the message: "build(fields)".
            function: calls it.

        Raises:
            UserError: it fails; the message has the frames that are in the user's own files.
        """
        with running(f"{self.path.name}: {signature}", self.path.parent):
            return function()

    def refuse(self, rule: str, received: object, remedy: str) -> UserError:
        """The error that says what is wrong with the file."""
        return UserError(f"{self.path.name}: {rule}", received, remedy)


def load_user_file(path: Path) -> UserFile:
    """Import a user's file.

    Raises:
        UserError: it is not there, does not run, or lacks a part of the contract.
    """
    try:
        require_regular(path, LARGEST_FILE)
        digest = code_digest(path)
    except (OSError, ValueError) as error:
        raise UserError(
            "a subject that is a file must be readable",
            f"'{path}' ({getattr(error, 'strerror', None) or error})",
            "Name a .py file, relative to the study file.",
        ) from None
    module = _import(path, digest)
    version = getattr(module, "VERSION", digest)
    if isinstance(version, bool) or not isinstance(version, str | int):
        remedy = "Write a number or a text, or leave it out."
        raise UserError(f"{path.name}: VERSION must be a text or a number", repr(version), remedy)
    file = UserFile(path, module, str(version))
    needed = LOOP if file.is_loop else MODEL
    missing = [name for name in needed if not file.has(name)]
    if missing:
        near = [name for name in vars(module) if not name.startswith("_")]
        raise UserError(
            f"{path.name} must define {', '.join(needed)}",
            f"no {', '.join(missing)}",
            suggest(missing[0], near, "names"),
        )
    return file


def own_frames(error: BaseException, folder: Path) -> str:
    """The frames of a traceback that are in the user's own files, and the error itself."""
    frames = [
        f"{Path(frame.filename).name}:{frame.lineno} in {frame.name}: {frame.line}"
        for frame in traceback.extract_tb(error.__traceback__)
        if Path(frame.filename).is_relative_to(folder) and ".venv" not in frame.filename
    ]
    what = f"{type(error).__name__}: {error}"
    if isinstance(error, SyntaxError):  # its place is in no frame
        place = f"{Path(error.filename or '').name}:{error.lineno}"
        frames.append(f"{place}: {(error.text or '').strip()}")
        what = f"{type(error).__name__}: {error.msg}"
    short = what if len(what) <= LONGEST else f"{what[:LONGEST]}…"
    return "; ".join([*frames[-MOST_FRAMES:], short])


def _import(path: Path, digest: str) -> ModuleType:
    name = f"ablate_subject_{digest}"
    if name in sys.modules:
        return sys.modules[name]
    spec = importlib.util.spec_from_file_location(name, path)
    assert spec is not None  # noqa: S101 - the path ends in .py
    assert spec.loader is not None  # noqa: S101 - likewise
    module = importlib.util.module_from_spec(spec)
    folder = str(path.resolve().parent)
    if folder not in sys.path:
        sys.path.append(folder)  # for the local modules that it imports
    sys.modules[name] = module  # dataclasses look their module up
    try:
        with _unchanged_process(path), importing(path.name, path.parent):
            spec.loader.exec_module(module)
    except UserError:
        del sys.modules[name]
        raise
    return module


@contextmanager
def _unchanged_process(path: Path) -> Iterator[None]:
    """Keep what a user's file may change for the whole process when it is imported.

    Its output goes elsewhere only while it is imported, and warnings that it makes errors of are
    shown instead: those of libraries end nothing.

    Raises:
        UserError: it changes the working directory, which all paths are relative to.
    """
    here, filters = os.getcwd(), list(warnings.filters)
    with redirect_stdout(sys.stdout), redirect_stderr(sys.stderr):
        yield
    if any(one[0] == "error" and one not in filters for one in warnings.filters):
        warnings.simplefilter("default")
    if (there := os.getcwd()) != here:
        os.chdir(here)
        raise UserError(
            f"{path.name} must leave the working directory as it is",
            f"a change to {there}",
            "Take out os.chdir, and write paths from Path(__file__).parent.",
        )


def importing(name: str, folder: Path) -> AbstractContextManager[None]:
    """Within the block, code of the user's is imported; arguments as `running`'s."""
    return running(name, folder, "must run when it is imported")


@contextmanager
def running(name: str, folder: Path, rule: str = "must run") -> Iterator[None]:
    """Within the block, code of the user's runs.

    Args:
        name: of the file, or of what it does.
        folder: where the user's own files are.
        rule: what follows the name in the message.

    Raises:
        UserError: it fails; the message has the frames that are in the user's own files.
    """
    try:
        yield
    except (UserError, KeyboardInterrupt, Interruption):
        raise
    except BaseException as error:
        raise UserError(
            f"{name} {rule}", own_frames(error, folder.resolve()), "Fix it there."
        ) from None


def code_digest(path: Path) -> str:
    """A hash of a file's syntax tree, and of the local modules that it imports."""
    whole = hashlib.sha256()
    for _, tree in sorted(_trees(path.parent, path, path.read_text("utf-8"), {}).items()):
        whole.update(tree.encode())
    return whole.hexdigest()[:16]


def local_files(path: Path) -> dict[str, Path]:
    """The file and the modules beside it that it imports, directly or not, by relative path."""
    names = sorted(_trees(path.parent, path, path.read_text("utf-8"), {}))
    return {name: path.parent / name for name in names}


def _trees(folder: Path, path: Path, source: str, found: dict[str, str]) -> dict[str, str]:
    """Syntax trees by path, without docstrings and comments, of a file and its local imports.

    Raises:
        UserError: a local module has the name of one of Python's, which would be imported instead.
    """
    place = path.relative_to(folder).as_posix()
    try:
        tree = ast.parse(source, str(path))
    except SyntaxError:
        found[place] = source  # importing it reports the error
        return found
    for node in ast.walk(tree):
        body = getattr(node, "body", None)
        if isinstance(body, list) and body and isinstance(body[0], ast.Expr):
            value = body[0].value
            if isinstance(value, ast.Constant) and isinstance(value.value, str):
                value.value = ""
    found[place] = ast.dump(tree)
    for name in _imported(tree):
        module, package = folder / f"{name}.py", folder / name
        local = [module] if module.is_file() else sorted(package.rglob("*.py"))
        if local and name in sys.stdlib_module_names:
            raise UserError(
                f"{path.name}: a local module must not have the name of one of Python's",
                f"'{name}'",
                "Rename it.",
            )
        for file in local:
            if file.relative_to(folder).as_posix() not in found:
                _trees(folder, file, file.read_text("utf-8"), found)
    return found


def _imported(tree: ast.Module) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name.split(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module.split(".")[0]


def merged_fields(file: UserFile, base: type[F]) -> type[F]:
    """The harness's fields and the file's own, as one strict model.

    Args:
        file: whose `Fields` are merged in.
        base: the harness's fields.

    Raises:
        UserError: the file's `Fields` are not what the contract says, or a name is taken.
    """
    own = file.module.Fields
    if not dataclasses.is_dataclass(own) or not isinstance(own, type):
        raise file.refuse(
            "Fields must be a dataclass", repr(own)[:80], "Write @dataclass above it."
        )
    hints = file.call("Fields", lambda: get_type_hints(own))
    merged: dict[str, Any] = {}
    for field in dataclasses.fields(own):
        if hasattr(base, field.name) or field.name in {*base.model_fields, *IDENTITY}:
            raise file.refuse(
                "Fields must not use a name of the harness's fields",
                f"'{field.name}'",
                f"Rename it; the harness has {', '.join((*IDENTITY, *base.model_fields))}.",
            )
        if field.name.startswith("_") or not field.init:
            raise file.refuse(
                "Fields must have public names and be set by Fields(...)",
                f"'{field.name}'",
                "Rename it, or make it a property.",
            )
        if field.default is dataclasses.MISSING:
            raise file.refuse("Fields must have defaults", f"'{field.name}'", "Give it one.")
        hint = hints[field.name]
        scalar = hint in SCALARS or (
            get_origin(hint) is Literal and all(type(v) in SCALARS for v in get_args(hint))
        )
        if not scalar:
            raise file.refuse(
                "Fields must be int, float, bool, str or Literal",
                f"'{field.name}': {hint}",
                "Use one of these.",
            )
        merged[field.name] = (hint, field.default)
    model: type[F] = create_model("Fields", __base__=base, __module__=base.__module__, **merged)
    try:
        model.model_validate({name: default for name, (_, default) in merged.items()})
    except ValidationError as error:
        first = error.errors()[0]
        name = str(first["loc"][0])
        raise file.refuse(
            "defaults of Fields must have the fields' types",
            f"'{name}': {merged[name][0]} = {first['input']!r}",
            "Change one of them.",
        ) from None

    def reduce(fields: RunFields) -> tuple[Any, ...]:
        """Pickled by the file and the values: the class itself exists in this process only."""
        return restore_fields, (str(file.path), fields.model_dump())

    setattr(model, "__reduce__", reduce)  # noqa: B010 - assigning to a method is no type
    return model


def restore_fields(path: str, values: dict[str, Any]) -> RunFields:
    """The fields of a run in another process, where the merged class does not exist yet."""
    from harness.subjects import find_subject

    return find_subject(path).Fields.model_validate(values)


def own_fields(file: UserFile, fields: RunFields) -> Any:
    """The file's own `Fields` with the values of a run."""
    names = [field.name for field in dataclasses.fields(file.module.Fields)]
    values = {name: getattr(fields, name) for name in names}
    return file.call("Fields(...)", lambda: file.module.Fields(**values))


def said_of_metrics(file: UserFile) -> Mapping[str, Mapping[str, Any]]:
    """What the file's `METRICS` says of its metrics, by name.

    Raises:
        UserError: it is no such table.
    """
    found = getattr(file.module, "METRICS", {})
    rule = "METRICS must be a dictionary of dictionaries by the metrics' names"
    if not isinstance(found, dict) or not all(isinstance(said, dict) for said in found.values()):
        example = 'Write {"accuracy": {"unit": "share", "direction": "higher"}}.'
        raise file.refuse(rule, repr(found)[:80], example)
    for name, said in found.items():
        if not is_metric_name(name):
            raise file.refuse(
                "names of metrics must be of letters, digits and _", repr(name), "Rename it."
            )
        if unknown := sorted(map(str, said.keys() - set(SHOWN))):
            raise file.refuse(
                f"METRICS may say {', '.join(SHOWN)} of '{name}'",
                ", ".join(unknown),
                suggest(unknown[0], SHOWN, "keys"),
            )
        for key in ("label", "unit"):
            if not isinstance(said.get(key, ""), str):
                raise file.refuse(
                    f"the {key} of '{name}' must be a text", repr(said[key]), "Write one."
                )
        if said.get("direction") not in (None, "lower", "higher"):
            raise file.refuse(
                f"the direction of '{name}' must be 'lower' or 'higher'",
                repr(said["direction"]),
                "Choose one, or leave it out.",
            )
        cap = said.get("cap")
        number = isinstance(cap, int | float) and not isinstance(cap, bool) and isfinite(cap)
        if cap is not None and not number:
            raise file.refuse(
                f"the cap of '{name}' must be a number", repr(cap), "Write one, or leave it out."
            )
    return found


def is_metric_name(name: object) -> bool:
    """Whether MLflow and tables can take it as part of a metric's name."""
    return isinstance(name, str) and re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]*", name) is not None


def final_response(name: str, series: str, metric: str, said: Mapping[str, Any]) -> Response:
    """A response that is the last value of a series.

    Args:
        name: of the response, after "final/".
        series: whose last value it is.
        metric: "loss", or another; a loss is better lower, others higher unless they say so.
        said: what the file says of the metric.
    """
    cap = said.get("cap")
    usual = "lower" if "loss" in metric or "error" in metric else "higher"
    label = name.replace("_", " ")
    return Response(
        f"final/{name}",
        label.replace(metric.replace("_", " "), said["label"]) if "label" in said else label,
        "after the last step",
        lambda run: float(run.last(series)),
        unit=said.get("unit", ""),
        direction=said.get("direction", usual),
        cap=None if cap is None else (lambda _: float(cap)),
        selects=not name.startswith("test"),
        elsewhere=f"final/test_{metric}" if name == f"dev_{metric}" else "",
    )
