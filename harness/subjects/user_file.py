"""A user's file as a subject: read, checked and identified before anything of it is trained.

A file defines `Fields` (see `user_fields.py`), and either `data` and `build` (a PyTorch model, see
`harness.subjects.torch.file`) or `METRICS` (see `metrics.py`) and `train` (a training loop of its
own, see `harness.subjects.loop`). `VERSION`, where it is bound, replaces the hash of the file in a
run's identity.
"""

import ast
import hashlib
import importlib.util
import os
import sys
import traceback
import warnings
from collections.abc import Callable, Iterator
from contextlib import (
    AbstractContextManager,
    contextmanager,
    redirect_stderr,
    redirect_stdout,
    suppress,
)
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any, TypeVar

from harness.errors import Interruption, UserError, suggest
from harness.files import require_regular

MODEL = ("Fields", "data", "build")
LOOP = ("Fields", "METRICS", "train")
MOST_FRAMES, LONGEST = 5, 300  # of an error that is shown, and characters of it
LONGEST_NAME, LONGEST_TEXT = 100, 500  # characters that the store and tables take
LARGEST_FILE = 10_000_000  # bytes of a subject that is a file

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
        return self.has("train") and not self.has("build")

    def has(self, name: str) -> bool:
        """Whether it defines an optional part of the contract."""
        return name in vars(self.module)  # hasattr would run its __getattr__

    def get(self, name: str, default: Any) -> Any:
        """An optional part of the contract, or the default."""
        return vars(self.module).get(name, default)

    def call(self, signature: str, function: Callable[[], T]) -> T:
        """What a function of the file gives.

        Args:
            signature: of the function, for the message: "build(fields)".
            function: calls it.

        Raises:
            UserError: it fails, and the message has the frames that are in the user's own files; or
                it changes the working directory.
        """
        with _unmoved(self.path.name), running(f"{self.path.name}: {signature}", self.path.parent):
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
            "a subject file must be readable",
            f"'{path}' ({getattr(error, 'strerror', None) or error})",
            "Name a .py file, relative to the study file.",
        ) from None
    module = _import(path, digest)
    version = vars(module).get("VERSION", digest)
    if isinstance(version, bool) or not isinstance(version, str | int):
        remedy = "Write a number or a text, or leave it out."
        raise UserError(f"{path.name}: VERSION must be a text or a number", repr(version), remedy)
    with running(f"{path.name}: VERSION as a text", path.parent):
        file = UserFile(path, module, str(version))
    if not storable(file.version):
        rule = f"VERSION must have at most {LONGEST_TEXT} characters, all printable"
        raise file.refuse(rule, repr(version)[:LONGEST_NAME], "Shorten it.")
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


def storable(text: str) -> bool:
    """Whether the store and tables can hold a text that a user's file gives."""
    return len(text) <= LONGEST_TEXT and all(c.isprintable() or c in "\n\t" for c in text)


def own_frames(error: BaseException, folder: Path) -> str:
    """The frames of a traceback that are in the user's own files, and the error itself."""
    frames = [
        f"{Path(frame.filename).name}:{frame.lineno} in {frame.name}: {frame.line}"
        for frame in traceback.extract_tb(error.__traceback__)
        if Path(frame.filename).is_relative_to(folder) and ".venv" not in frame.filename
    ]
    try:
        what = f"{type(error).__name__}: {error}"
    except Exception:  # its own text fails
        what = type(error).__name__
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
        with _unmoved(path.name), _unchanged_process(), importing(path.name, path.parent):
            spec.loader.exec_module(module)
    except UserError:
        del sys.modules[name]
        raise
    return module


@contextmanager
def _unchanged_process() -> Iterator[None]:
    """Keep what a user's file may change for the whole process when it is imported.

    Its output goes elsewhere only while it is imported, and warnings that it makes errors of are
    shown instead: those of libraries end nothing.
    """
    filters = list(warnings.filters)
    with redirect_stdout(sys.stdout), redirect_stderr(sys.stderr):
        yield
    if any(one[0] == "error" and one not in filters for one in warnings.filters):
        warnings.simplefilter("default")


@contextmanager
def _unmoved(name: str) -> Iterator[None]:
    """Refuse a file that changes the working directory, which all paths are relative to.

    Raises:
        UserError: it does.
    """
    here = _working_directory()
    yield
    there = _working_directory()
    if here and there and there != here:
        os.chdir(here)
        raise UserError(
            f"{name} must leave the working directory as it is",
            f"a change to {there}",
            "Take out os.chdir, and write paths from Path(__file__).parent.",
        )


def _working_directory() -> str:
    """Where this process is; "" where that was removed."""
    try:
        return os.getcwd()
    except OSError:
        return ""


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
    found[place] = source  # if it cannot be parsed, importing it reports the error
    try:
        tree = ast.parse(source, str(path))
    except (SyntaxError, RecursionError, MemoryError):
        return found
    for node in ast.walk(tree):
        body = getattr(node, "body", None)
        if isinstance(body, list) and body and isinstance(body[0], ast.Expr):
            value = body[0].value
            if isinstance(value, ast.Constant) and isinstance(value.value, str):
                value.value = ""
    with suppress(RecursionError):  # an expression of a thousand terms: its text stands for it
        found[place] = ast.dump(tree)
    for name in _imported(tree):
        module, package = folder / f"{name}.py", folder / name
        local = [module] if module.is_file() else sorted(package.rglob("*.py"))
        if local and name in sys.stdlib_module_names:
            raise UserError(
                f"{path.name}: a local module must not have the name of a Python module",
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
