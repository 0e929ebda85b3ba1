"""What must be the same on every node, or a run's numbers could differ."""

import hashlib
import platform
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from harness.errors import UserError

PINNED = ("torch", "numpy", "numba")  # packages whose versions decide a run's numbers
PACKAGE = Path(__file__).parents[1]

Versions = dict[str, str]


def require(expected: Versions, found: Versions) -> None:
    """Check a worker's versions against the coordinator's.

    Raises:
        UserError: they differ; results could then differ as well.
    """
    differing = [name for name in expected if found.get(name) != expected[name]]
    if differing:
        here = platform.node()
        raise UserError(
            "every node must have the same versions as the coordinator",
            "; ".join(
                f"{name} {found.get(name)} on node {here}, {expected[name]} where the study is "
                "run from"
                for name in differing
            ),
            "Install the same versions on every node, or run the command on a node that has "
            "theirs.",
        )


@cache
def versions() -> Versions:
    """What a run's numbers depend on, by name: Python, the packages, and the harness's code."""
    found = {"Python": platform.python_version(), "machine": platform.machine()}
    for package in PINNED:
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            found[package] = "missing"
    code = hashlib.sha256()
    for path in sorted(PACKAGE.rglob("*.py")):
        code.update(path.read_bytes())
    return found | {"harness": f"code {code.hexdigest()[:8]}"}
