"""What is trained: each subject is a model family with its data.

`subject.py` is the seam, the interface between a subject and the rest of the harness; `figures.py`,
`trace.py`, `items.py`, `works.py`, `streams.py`, `exact.py`, `corpus/`, `characters.py`,
`user_file.py`, `user_fields.py` and `metrics.py` are shared helpers for writing subjects.
`char_mlp/` and `char_transformer/` are subjects; `torch/` makes one of any module, `loop/` of any
training loop, such as those of a user's file. May import: `errors`, `files`. Importing a subject of
the harness loads no torch; starting one does.
"""

import os
from functools import cache
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from pkgutil import iter_modules
from types import ModuleType

from harness.errors import UserError, suggest
from harness.subjects.subject import Subject

DEFAULT = "char_mlp"


def subject_names() -> list[str]:
    """Names of the subjects that come with the harness: the packages here that bind SUBJECT."""
    packages = [module.name for module in iter_modules(__path__) if module.ispkg]
    return sorted(p for p in packages if hasattr(import_module(f"{__name__}.{p}"), "SUBJECT"))


def subjects_with(field: str) -> list[str]:
    """Names of those of these subjects whose runs have a field."""
    return [name for name in subject_names() if field in find_subject(name).Fields.model_fields]


def _of_a_file(path: Path) -> Subject:
    from harness.subjects.user_file import load_user_file

    file = load_user_file(path)
    if file.is_loop:
        from harness.subjects.loop import LoopSubject

        return LoopSubject(file)
    from harness.subjects.torch.file import FileSubject

    return FileSubject(file)


def _module(name: str) -> ModuleType | None:
    """The module of a subject; None if there is none of that name."""
    from harness.subjects.user_file import importing

    path = name if "." in name else f"{__name__}.{name}"
    try:
        package = find_spec(path.partition(".")[0])
    except ValueError:  # an empty name
        package = None
    folder = Path(package.origin).parent if package and package.origin else Path.cwd()
    with importing(path, folder):
        try:
            return import_module(path) if package and find_spec(path) else None
        except ModuleNotFoundError as error:
            if f"{path}.".startswith(f"{error.name}."):
                return None
            raise


def find_subject(name: str) -> Subject:
    """The subject that a study names.

    Args:
        name: of a subject that comes with the harness, the path of a user's .py file, or the
            dotted path of an importable module that binds SUBJECT.

    Raises:
        UserError: there is no such subject, or the user's file cannot be used.
    """
    return _find_subject(name, os.getcwd() if name.endswith(".py") else "")


@cache
def _find_subject(name: str, here: str) -> Subject:  # noqa: ARG001 - what a path is relative to
    if name.endswith(".py"):
        return _of_a_file(Path(name))
    found = getattr(_module(name), "SUBJECT", None)
    if found is None:
        raise UserError(
            "a subject must be one of the harness's, a .py file, or a module that binds SUBJECT",
            repr(name),
            suggest(name, subject_names(), "subjects"),
        )
    subject: Subject = found
    return subject
