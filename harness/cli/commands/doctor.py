"""`ablate doctor`: what does not fit together in a store."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from harness.cli.options import pass_store, study_name

if TYPE_CHECKING:
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
@pass_store
def command(uri: str | None, study: str | None, repair: bool) -> None:
    """List what does not fit together in the store.

    With STUDY, only in what it holds of that.
    Runs whose files are gone or damaged, and files without runs; runs that were changed since they
    ended; tags that were deleted; runs that are stored twice; runs that no process writes any more.
    Exits with 1 if something is left.

    With --repair, runs without a process are ended, tags that follow from the rest are written, and
    of equal runs all but one are deleted (MLflow can restore them). `ablate run STUDY --repair`
    trains the runs again that lost files or were changed.
    """
    from harness.store.doctor import examine
    from harness.store.store import Store
    from harness.store.uri import redacted

    store = Store.existing(uri)
    seen = examine(store, study and study_name(study))
    left = []
    for kind, title in TITLES.items():
        alike = [one for one in seen.found if one.kind == kind]
        if alike:
            click.echo(f"{title}:")
        for one in alike:
            repaired = repair and one.repair is not None
            if repair and one.repair:
                one.repair()
            else:
                left.append(one)
            click.echo(f"  {one.study and f'{one.study}, '}{one.what}{', repaired' * repaired}")
        for advice in _advice(kind, [one for one in alike if one in left], study):
            click.echo(f"  {advice}")
    if seen.unchecked:
        click.echo(f"{seen.unchecked:,} runs have no digest: changes of them cannot be seen")
    repairable = sum(one.repair is not None for one in left)
    how = f", {repairable} of which --repair repairs" if repairable else ""
    click.echo(
        f"{redacted(store.uri)}: {seen.studies} studies, {seen.runs:,} runs, "
        f"{len(left) or 'no'} inconsistencies{' left' * repair}{how}"
    )
    sys.exit(1 if left else 0)


def _advice(kind: str, left: "list[Inconsistency]", study: str | None) -> list[str]:
    """What to do about those that --repair leaves, once for each study."""
    one_each = {(one.study, one.defined and id(one.defined[0])): one
                for one in left if one.repair is None}  # fmt: skip
    runs = [_run_command(one, study) for one in one_each.values()]
    return list(dict.fromkeys(ADVICE[kind].format(run=run) for run in runs))


def _run_command(one: "Inconsistency", study: str | None) -> str:
    from harness.store.selection import run_command

    spelled = study or _spelled(one.study)
    return run_command(spelled, *one.defined) if one.defined else f"ablate run {spelled}"


def _spelled(name: str) -> str:
    """A study's name as commands take it: its file, where it is one in this directory."""
    return f"{name}.toml" if Path(f"{name}.toml").exists() else name
