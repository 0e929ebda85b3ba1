"""`ablate doctor`: what does not fit together in a store."""

import sys
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING

import click

from harness.cli.options import json_option, pass_store, study_name

if TYPE_CHECKING:
    from harness.cli.documents import Emit, FoundInconsistency
    from harness.store.doctor import Inconsistency

TITLES = {
    "files": "files of runs that are gone or damaged",
    "values": "runs that were changed since they ended",
    "tags": "tags and params that were deleted or changed, and follow from the rest",
    "unidentified": "runs of which nothing tells which they are",
    "twins": "runs stored twice",
    "running": "runs without a process",
    "definition": "studies whose definition is gone or damaged",
    "no run": "files of no run",
}
ADVICE = {
    "files": "This trains exactly those again: {run} --repair",
    "values": "This trains exactly those again: {run} --repair",
    "unidentified": "They do not count, and `ablate run` trains their like. Delete them in the UI.",
    "twins": "The oldest one that is whole counts. Delete the others in the UI.",
    "definition": "This writes it again: {run}",
    "no run": "Remove them by hand, if you do not know whose they are.",
}


@click.command()
@click.argument("study", required=False)
@click.option("--repair", is_flag=True, help="Repair what needs no guess.")
@json_option
@pass_store
def command(uri: str | None, study: str | None, repair: bool, emit: "Emit | None") -> None:
    """List what does not fit together in the store.

    With STUDY, only in what it holds of that.
    Runs whose files are gone or damaged, and files without runs; runs that were changed since they
    ended; tags that were deleted; runs that are stored twice; runs that no process writes any more.
    Exits with 1 if something is left.

    With --repair, runs without a process are ended, tags that follow from the rest are written, and
    of equal runs all but one are deleted (MLflow can restore them). `ablate run STUDY --repair`
    trains the runs again that lost files or were changed.
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
        click.echo(f"{seen.unchecked:,} runs have no digest: changes of them cannot be seen")
    repairable = sum(one.repairable for one in left)
    how = f", {repairable} of which --repair repairs" if repairable else ""
    click.echo(
        f"{redacted(store.uri)}: {seen.studies} studies, {seen.runs:,} runs, "
        f"{len(left) or 'no'} inconsistencies{' left' * repair}{how}"
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
    from harness.store.selection import run_command

    spelled = study or _spelled(one.study)
    return run_command(spelled, *one.defined) if one.defined else f"ablate run {spelled}"


def _spelled(name: str) -> str:
    """A study's name as commands take it: its file, where it is one in this directory."""
    return f"{name}.toml" if Path(f"{name}.toml").exists() else name
