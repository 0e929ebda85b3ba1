"""Any study file is either accepted or refused with one message."""

import tomllib

from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from harness.errors import UserError
from harness.study.claims import KINDS
from harness.study.files import parse_study
from harness.study.study import Study
from harness.subjects.char_mlp.fields import Fields
from tests.support.small_study import STUDY

TOML = STUDY.format(steps=30)
SCALARS = st.one_of(
    st.booleans(),
    st.integers(-(2**70), 2**70),
    st.floats(width=32),
    st.text(max_size=20),
    st.sampled_from(
        ["none", "batch", "tanh", "final/dev_loss", "threshold", "x\x1b[2J", "../../x"]
    ),
)
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.one_of(
        st.lists(inner, max_size=4),
        st.dictionaries(st.sampled_from([*Fields.model_fields, "x"]), inner, max_size=3),
    ),
    max_leaves=6,
)
KEYS = st.sampled_from([*Study.model_fields, "sedes"])
CLAIM_KEYS = sorted({key for kind in KINDS.values() for key in kind.model_fields})
CLAIMS = st.lists(st.dictionaries(st.sampled_from(CLAIM_KEYS), VALUES), max_size=2)


def accepted_or_refused(text: bytes) -> Study | None:
    try:
        return parse_study(text, "any")
    except UserError as refusal:
        message = str(refusal)
        assert message.replace("\n", " ").isprintable()
        assert len(message) < 1000
        return None


@given(st.one_of(st.binary(max_size=300), st.text(max_size=300).map(str.encode)))
@example(b"\xff\xfe")
@example(b"x = " + b"[" * 100_000)
@example(b"x = 1" + b"0" * 5000)
def test_arbitrary_bytes(text: bytes) -> None:
    accepted_or_refused(text)


@given(st.data())
def test_a_study_with_a_damaged_spot(data: st.DataObject) -> None:
    start = data.draw(st.integers(0, len(TOML)))
    end = data.draw(st.integers(start, min(len(TOML), start + 9)))
    accepted_or_refused(f"{TOML[:start]}{data.draw(st.text(max_size=4))}{TOML[end:]}".encode())


@settings(suppress_health_check=[HealthCheck.too_slow])
@given(st.dictionaries(KEYS, VALUES, max_size=3), CLAIMS)
def test_a_study_with_other_values(changes: dict[str, object], claims: list[object]) -> None:
    whole = tomllib.loads(TOML) | changes | {"claims": claims} | changes
    study = accepted_or_refused(toml(whole).encode())
    if study is not None:
        assert all(study.fields(cell) for cell in study.cells())


def toml(value: object, top: bool = True) -> str:
    """A value as TOML, all tables but the first inline."""
    if isinstance(value, dict) and top:
        return "".join(f"{quoted(key)} = {toml(inner, False)}\n" for key, inner in value.items())
    if isinstance(value, dict):
        inside = ", ".join(f"{quoted(key)} = {toml(inner, False)}" for key, inner in value.items())
        return f"{{{inside}}}"
    if isinstance(value, list | tuple):
        return f"[{', '.join(toml(inner, False) for inner in value)}]"
    if isinstance(value, bool):
        return str(value).lower()
    return quoted(value) if isinstance(value, str) else repr(value)


def quoted(text: str) -> str:
    """A basic string of TOML."""
    return '"' + "".join(f"\\U{ord(character):08X}" for character in text) + '"'
