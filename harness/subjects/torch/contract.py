"""A user's file: read, checked, and identified, before anything of it is trained.

The file's contract, which stays stable:

- `Fields`: a frozen dataclass of int, float, bool, str or Literal fields, each with a default.
- `data(fields)`: {"train": tensors, "dev": tensors, "test": tensors}, each a tuple of tensors whose
  first dimension is the examples.
- `build(fields)`: the `torch.nn.Module`; torch is seeded by the harness.
- `loss(model, batch)`: unreduced losses of any shape; default: cross-entropy of `model(x)` and y.
- `metrics(model, batch)`: {name: one value an example}, optional; each becomes a response.
- `sample(model, generator)`: a list of texts, optional.
- `METRICS`: {name: {"label", "unit", "direction", "cap"}}, optional; says how metrics are shown.
- `VERSION`: replaces the hash of the file in a run's identity, optional.
"""

import ast
import dataclasses
import hashlib
import importlib.util
import sys
import traceback
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any, Literal, get_args, get_origin, get_type_hints

from pydantic import create_model

from harness.errors import UserError, suggest
from harness.subjects.torch.fields import TorchFields

NEEDED = ("Fields", "data", "build")
SCALARS = (int, float, bool, str)


@dataclass(frozen=True)
class UserFile:
    """A user's model file, imported.

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

    def has(self, name: str) -> bool:
        """Whether the file defines an optional part of the contract."""
        return hasattr(self.module, name)


def load_user_file(path: Path) -> UserFile:
    """Import a user's file.

    Raises:
        UserError: it is not there, does not run, or lacks a part of the contract.
    """
    try:
        source = path.read_text("utf-8")
    except (OSError, ValueError) as error:
        raise UserError(
            "a subject that is a file must be readable",
            f"'{path}' ({getattr(error, 'strerror', None) or error})",
            "Name a .py file, relative to the study file.",
        ) from None
    digest = _digest(path, source)
    module = _import(path, digest)
    missing = [name for name in NEEDED if not hasattr(module, name)]
    if missing:
        near = [name for name in vars(module) if not name.startswith("_")]
        raise UserError(
            f"{path.name} must define {', '.join(NEEDED)}",
            f"no {', '.join(missing)}",
            suggest(missing[0], near, "names"),
        )
    return UserFile(path, module, str(getattr(module, "VERSION", digest)))


def own_frames(error: BaseException, folder: Path) -> str:
    """The frames of a traceback that are in the user's own files, and the error itself."""
    frames = [
        f"{Path(frame.filename).name}:{frame.lineno} in {frame.name}: {frame.line}"
        for frame in traceback.extract_tb(error.__traceback__)
        if Path(frame.filename).is_relative_to(folder) and ".venv" not in frame.filename
    ]
    return "; ".join([*frames, f"{type(error).__name__}: {error}"])


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
        spec.loader.exec_module(module)
    except SyntaxError as error:
        del sys.modules[name]
        received = f"line {error.lineno}: {(error.text or '').strip()} ({error.msg})"
        raise _does_not_run(path, received) from None
    except Exception as error:
        del sys.modules[name]
        raise _does_not_run(path, own_frames(error, path.resolve().parent)) from None
    return module


def _does_not_run(path: Path, received: str) -> UserError:
    return UserError(f"{path.name} must run when it is imported", received, "Fix the file there.")


def _digest(path: Path, source: str) -> str:
    """A hash of the file's syntax tree, and of the local modules that it imports."""
    whole = hashlib.sha256()
    for _, tree in sorted(_trees(path, source, {}).items()):
        whole.update(tree.encode())
    return whole.hexdigest()[:16]


def _trees(path: Path, source: str, found: dict[str, str]) -> dict[str, str]:
    """Syntax trees by file name, without docstrings and comments, of a file and its imports."""
    try:
        tree = ast.parse(source, str(path))
    except SyntaxError:
        return {**found, path.name: source}  # importing it reports the error
    for node in ast.walk(tree):
        body = getattr(node, "body", None)
        if isinstance(body, list) and body and isinstance(body[0], ast.Expr):
            value = body[0].value
            if isinstance(value, ast.Constant) and isinstance(value.value, str):
                value.value = ""
    found[path.name] = ast.dump(tree)
    for name in _imported(tree):
        local = path.parent / f"{name}.py"
        if local.is_file() and local.name not in found:
            _trees(local, local.read_text("utf-8"), found)
    return found


def _imported(tree: ast.Module) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name.split(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module.split(".")[0]


def merged_fields(file: UserFile) -> type[TorchFields]:
    """The harness's fields and the file's own, as one strict model.

    Raises:
        UserError: the file's `Fields` are not what the contract says, or a name is taken.
    """
    own = file.module.Fields
    where = f"{file.path.name}: Fields"
    if not dataclasses.is_dataclass(own):
        received = repr(own)[:80]
        raise UserError(f"{where} must be a dataclass", received, "Write @dataclass above it.")
    hints = get_type_hints(own)
    merged: dict[str, Any] = {}
    for field in dataclasses.fields(own):
        if field.name in TorchFields.model_fields:
            raise UserError(
                f"{where} must not use a name of the harness's fields",
                f"'{field.name}'",
                f"Rename it; the harness has {', '.join(TorchFields.model_fields)}.",
            )
        if field.default is dataclasses.MISSING:
            raise UserError(f"{where} must have defaults", f"'{field.name}'", "Give it one.")
        hint = hints[field.name]
        scalar = hint in SCALARS or (
            get_origin(hint) is Literal and all(type(v) in SCALARS for v in get_args(hint))
        )
        if not scalar:
            raise UserError(
                f"{where} must be int, float, bool, str or Literal",
                f"'{field.name}': {hint}",
                "Use one of these.",
            )
        merged[field.name] = (hint, field.default)
    model: type[TorchFields] = create_model(
        "Fields", __base__=TorchFields, __module__=TorchFields.__module__, **merged
    )
    model.path = str(file.path)
    return model


def own_fields(file: UserFile, fields: TorchFields) -> Any:
    """The file's own `Fields` with the values of a run."""
    names = [field.name for field in dataclasses.fields(file.module.Fields)]
    return file.module.Fields(**{name: getattr(fields, name) for name in names})
