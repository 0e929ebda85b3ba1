"""`ablate doctor`: what does not fit together in a store."""

import shlex
import sys
from contextlib import suppress
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING

import click

from harness.cli.options import json_option, pass_store, study_name
from harness.errors import counted

if TYPE_CHECKING:
    from harness.cli.documents import Emit, FoundInconsistency
    from harness.store.doctor import Inconsistency

TITLES = {
    "files": "runs with missing or damaged files",
    "values": "runs that were changed after they ended",
    "tags": "deleted or changed tags and params that follow from other data",
    "unidentified": "runs that cannot be identified",
    "twins": "runs stored twice",
    "running": "runs marked RUNNING without a process",
    "definition": "studies with a missing or damaged definition",
    "no run": "files without a run",
}
ADVICE = {
    "files": "Train these again: {run} --repair",
    "values": "Train these again: {run} --repair",
    "unidentified": "They do not count; `ablate run` trains them again. Delete them in the UI.",
    "twins": "The oldest complete one counts. Delete the others in the UI.",
    "definition": "This writes it again: {run}",
    "no run": "Remove them by hand, if nobody needs them.",
}


@click.command()
@click.argument("study", required=False)
@click.option("--repair", is_flag=True, help="Repair what can be repaired unambiguously.")
@json_option
@pass_store
def command(uri: str | None, study: str | None, repair: bool, emit: "Emit | None") -> None:
    """List inconsistencies in the store, or in what it holds of STUDY.

    These are: missing or damaged files of runs, and files without a run; runs that were changed
    after they ended; deleted tags; runs stored twice; runs marked RUNNING without a process. Exits
    with 1 if an inconsistency is left.

    --repair ends runs without a process, restores tags that follow from other data, and deletes all
    but one of equal runs (MLflow can restore them). To train runs again that lost files or were
    changed, use `ablate run STUDY --repair`.
    """
    from harness.cli.documents import StoreExamination
    from harness.store.doctor import examine
    from harness.store.store import Store
    from harness.store.uri import redacted

    store = Store.existing(uri)
    seen = examine(store, study and study_name(study))
    found = [
        _described(one, study, repair=repair)
        for kind in TITLES
        for one in seen.found
        if one.kind == kind
    ]
    left = [one for one in found if not one.repaired]
    if emit:
        emit(StoreExamination(store=redacted(store.uri), studies=seen.studies, runs=seen.runs,
                              unchecked=seen.unchecked, found=tuple(found)))  # fmt: skip
        sys.exit(1 if left else 0)
    for kind, alike in groupby(found, key=lambda one: one.kind):
        click.echo(f"{TITLES[kind]}:")
        remedies: dict[str, None] = {}
        for one in alike:
            click.echo(f"  {one.study and f'{one.study}, '}{one.what}{', repaired' * one.repaired}")
            remedies[one.remedy] = None
        for remedy in filter(None, remedies):
            click.echo(f"  {remedy}")
    if seen.unchecked:
        runs = counted(seen.unchecked, "run has", "runs have")
        click.echo(f"{runs} no digest, so changes there cannot be detected")
    repairable = sum(one.repairable for one in left)
    how = f"; --repair repairs {repairable}" if repairable else ""
    wrong = counted(len(left), "inconsistency", "inconsistencies") if left else "no inconsistencies"
    click.echo(
        f"{redacted(store.uri)}: {counted(seen.studies, 'study', 'studies')}, "
        f"{counted(seen.runs, 'run')}, {wrong}{' left' * repair}{how}"
    )
    sys.exit(1 if left else 0)


def _described(one: "Inconsistency", study: str | None, *, repair: bool) -> "FoundInconsistency":
    """An inconsistency for people and programs, after its repair if that is wanted and possible."""
    from harness.cli.documents import FoundInconsistency

    if repair and one.repair:
        one.repair()
    return FoundInconsistency(
        kind=one.kind, study=one.study, what=one.what, run_id=one.run_id, run_key=one.key,
        repairable=one.repair is not None, repaired=repair and one.repair is not None,
        remedy="" if one.repair else ADVICE[one.kind].format(run=_run_command(one, study)),
    )  # fmt: skip


def _run_command(one: "Inconsistency", study: str | None) -> str:
    from harness.errors import UserError
    from harness.store.naming import run_command
    from harness.study.files import load_study

    spelled = study or _spelled(one.study)
    if one.defined:
        return run_command(spelled, *one.defined)
    if left := one.undefined:
        with suppress(UserError):  # its file is not here, or says something else now
            asked = load_study(spelled).override(steps=left.steps, seeds=left.seeds or None)
            return run_command(spelled, asked, left.data)
    return f"ablate run {shlex.quote(spelled)}"


def _spelled(name: str) -> str:
    """A study's name as commands take it: its file, where it is one in this directory."""
    return f"{name}.toml" if Path(f"{name}.toml").exists() else name
