"""`ablate report`: what follows from a study's runs, as tables, figures and text."""

import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from harness.cli.options import json_option, named, pass_store, study_options
from harness.errors import counted

if TYPE_CHECKING:
    from harness.cli.documents import Emit, StudyReport
    from harness.study.request import Request


@click.command()
@study_options
@click.option("--figure", metavar="NAME", help="Remake only this figure.")
@click.option(
    "--format",
    "formats",
    default="png,svg",
    metavar="LIST",
    help="Formats of the figure files: png, svg, pdf; default: png,svg. NAME.pdf spans two columns"
    " of a paper, NAME-single.pdf one.",
)
@click.option(
    "--output",
    type=click.Path(file_okay=False, path_type=Path),
    metavar="DIR",
    help="Folder of the report; default: reports/STUDY.",
)
@click.option(
    "--publish",
    is_flag=True,
    help="Write to reports/published/STUDY, with digests for `ablate verify --published`.",
)
@json_option
@pass_store
def command(
    uri: str | None,
    request: "Request",
    figure: str | None,
    formats: str,
    output: Path | None,
    publish: bool,
    emit: "Emit | None",
) -> None:
    """Write the report of STUDY from the runs in the store.

    The report is remade only if something has changed. Exits with 1 if the runs cannot be compared.
    """
    from harness.analysis.gather import gather
    from harness.errors import UserError
    from harness.report import build, is_current, without_local_links, written
    from harness.store.afterwards import keep_report
    from harness.store.naming import folder_name, run_command
    from harness.store.publishing import run_digests
    from harness.store.reading import fingerprint, read_study
    from harness.store.remarks import on_changes
    from harness.store.selection import select
    from harness.store.store import Store
    from harness.training.digests import DIGESTS, digests_csv
    from harness.training.published import PUBLISHED, per_machine

    if emit and figure is not None:
        raise UserError("--json needs the whole report", f"--figure {figure}",
                        "Leave one of them out.")  # fmt: skip
    store = Store.existing(uri)
    selected, notes = select(store, request)
    for note in notes:
        click.echo(note)
    forms = tuple(dict.fromkeys(form.strip() for form in formats.split(",")))
    state = fingerprint(store, **selected)
    name = folder_name(request, selected["study"])
    folder = output or (PUBLISHED / Path(name).name if publish else Path("reports") / name)
    publish = publish or DIGESTS in written(folder)  # a published report stays one
    if figure is None and not publish and is_current(folder, forms, state):
        _say_verdicts(folder)
        click.echo(f"{folder / 'index.html'} (nothing has changed)")
        if emit:
            emit(_document(folder, notes, changed=False))
        _say_refusals(folder, request)
        return

    def say(note: str) -> None:
        notes.append(note)
        click.echo(note)

    stored = read_study(store, **selected)
    if stored.changed:
        say(on_changes(selected["name"], stored.changed))
    tables = gather(stored)
    click.echo(f"{selected['name']}: {counted(len(tables.runs), 'run')} read")
    if lost := stored.about_unread():
        again = f"ablate run {request.typed}"
        if not request.data:
            again = run_command(request.study, stored.study, stored.facts["name"])
        say(f"{lost}. Train these again: {again} --repair")
    shared = publish and stored.study.model.same_bits
    digests = run_digests(stored) if shared else []
    judged = set(tables.runs["run_key"])
    also = {DIGESTS: digests_csv(digests, judged)} if shared else {}
    shown = without_local_links(tables) if publish else tables
    page = build(shown, folder, forms, figure, state, also)
    if figure is None:
        _say_verdicts(folder)
    click.echo(str(page))
    if shared:
        click.echo(f"{folder / DIGESTS}: {counted(len(digests), 'run')}")
    elif publish:
        say(f"no {DIGESTS}: {per_machine(stored.study)}")
    if not keep_report(store, tables.facts["parent_run_id"], folder, written(folder)):
        say("the store is read-only, so the report is not stored in it")
    if emit:
        emit(_document(folder, notes, changed=True))
    if figure is None:
        _say_refusals(folder, request)


def _document(folder: Path, notes: Sequence[str], *, changed: bool) -> "StudyReport":
    """A report's verdicts and numbers, from its own tables."""
    from harness.analysis.frames import ENDED, read_csv
    from harness.cli.documents import (
        ClaimVerdict,
        EffectEstimate,
        Finding,
        PrimaryResponse,
        StudyReport,
        VariantMean,
    )
    from harness.report import refusals
    from harness.study.plan import variant_label
    from harness.study.study import Study

    def rows(table: str) -> list[Any]:
        path = folder / "data" / f"{table}.csv"  # of runs that cannot be compared some are missing
        return read_csv(path).to_dict("records") if path.exists() else []

    whole = json.loads((folder / "data" / "study.json").read_text(encoding="utf-8"))
    study = Study.model_validate(whole["study"])
    levels = {variant_label(cell): cell for cell in study.cells()}
    outcomes = [row["outcome"] for row in rows("runs")]
    return StudyReport(
        study=study.name, question=study.question, page=str(folder / "index.html"),
        changed=changed, data=whole["facts"]["name"],
        response=PrimaryResponse.model_validate(study.response(), from_attributes=True),
        runs=len(outcomes), ended=sum(outcome in ENDED for outcome in outcomes),
        diverged=outcomes.count("diverged"), comparable=not refusals(folder),
        findings=tuple(map(Finding.model_validate, rows("integrity"))),
        claims=tuple(map(ClaimVerdict.model_validate, rows("claims"))),
        means=tuple(VariantMean.model_validate({**row, "levels": levels[row["variant"]]})
                    for row in rows("means")),
        effects=tuple(map(EffectEstimate.model_validate, rows("effects"))), notes=tuple(notes),
    )  # fmt: skip


def _say_verdicts(folder: Path) -> None:
    """Say what the report answers, a claim a line."""
    from harness.output import wrapped
    from harness.report.verdict_lines import verdict_lines

    lines = list(verdict_lines(folder))
    width = max((len(word) for word, _ in lines), default=0)
    for word, text in lines:
        click.echo(wrapped(f"{word:{width}}  ", text))


def _say_refusals(folder: Path, request: "Request") -> None:
    """Say why no contrast was made of the runs, and exit with 1, if none was."""
    from harness.report import refusals

    if found := refusals(folder):
        for message in found:
            click.echo(f"refused: {named(message, request.typed)}", err=True)
        sys.exit(1)
