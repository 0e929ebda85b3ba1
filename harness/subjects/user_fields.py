"""The fields of a user's file: a frozen dataclass `Fields` of scalars or Literals with defaults."""

import dataclasses
from typing import Any, Literal, TypeVar, get_args, get_origin, get_type_hints

from pydantic import ValidationError, create_model

from harness.subjects.subject import RunFields
from harness.subjects.user_file import LONGEST_NAME, LONGEST_TEXT, UserFile, storable

IDENTITY = ("data", "seed", "subject", "version")  # what a run's identity holds beside its fields
SCALARS = (int, float, bool, str)

F = TypeVar("F", bound=RunFields)


def merged_fields(file: UserFile, base: type[F]) -> type[F]:
    """The harness's fields and the file's own, as one strict model.

    Args:
        file: whose `Fields` are merged in.
        base: the harness's fields.

    Raises:
        UserError: the file's `Fields` are not what the contract says, or a name is taken.
    """
    merged = _own(file, base)
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


def _own(file: UserFile, base: type[RunFields]) -> dict[str, Any]:
    """(type, default) of each of the file's own fields, by name.

    Raises:
        UserError: as of `merged_fields`.
    """
    own = file.module.Fields
    if not dataclasses.is_dataclass(own) or not isinstance(own, type):
        raise file.refuse(
            "Fields must be a dataclass", repr(own)[:80], "Write @dataclass above it."
        )
    hints = file.call("Fields", lambda: get_type_hints(own))
    found: dict[str, Any] = {}
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
        if len(field.name) > LONGEST_NAME:
            raise file.refuse(
                f"Fields must have names of at most {LONGEST_NAME} characters",
                f"{field.name[:LONGEST_NAME]}…",
                "Rename it.",
            )
        if field.default is dataclasses.MISSING:
            raise file.refuse("Fields must have defaults", f"'{field.name}'", "Give it one.")
        hint = hints[field.name]
        scalar = hint in SCALARS or (
            get_origin(hint) is Literal
            and get_args(hint)
            and all(type(v) in SCALARS for v in get_args(hint))
        )
        if not scalar:
            raise file.refuse(
                "Fields must be int, float, bool, str or Literal",
                f"'{field.name}': {hint}",
                "Use one of these.",
            )
        texts = [v for v in (field.default, *get_args(hint)) if isinstance(v, str)]
        if odd := [text for text in texts if not storable(text)]:
            raise file.refuse(
                f"texts in Fields must have at most {LONGEST_TEXT} characters, all printable",
                f"'{field.name}': {odd[0]!r}"[:100],
                "Shorten it, or keep it in the file and let the field name it.",
            )
        found[field.name] = (hint, field.default)
    return found


def restore_fields(path: str, values: dict[str, Any]) -> RunFields:
    """The fields of a run in another process, where the merged class does not exist yet."""
    from harness.subjects import find_subject

    return find_subject(path).Fields.model_validate(values)


def own_fields(file: UserFile, fields: RunFields) -> Any:
    """The file's own `Fields` with the values of a run."""
    names = [field.name for field in dataclasses.fields(file.module.Fields)]
    values = {name: getattr(fields, name) for name in names}
    return file.call("Fields(...)", lambda: file.module.Fields(**values))
