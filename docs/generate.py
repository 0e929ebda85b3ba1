"""Generates parts of the documentation: run `python -m docs.generate` after a change of the code.

It writes the reference from the code, and the tables of claims in both READMEs from published
reports.
"""

import html
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, get_args

import click
from pydantic import BaseModel

from docs.findings import write_findings
from docs.markdown import table
from docs.refusals import refusals
from harness.cli import COMMANDS, ablate
from harness.cli.documents import SCHEMAS
from harness.study.claims import Claim
from harness.study.files import load_study, study_names
from harness.study.levels import format_level
from harness.study.study import Study
from harness.study.validation import RULES
from harness.subjects import DEFAULT, find_subject, subject_names
from harness.subjects.char_mlp.init import INITS
from harness.subjects.char_mlp.layers import ACTIVATIONS, NORMS
from harness.subjects.subject import Subject

PAGE = Path(__file__).parent / "reference.md"
# What each subject's `canonical` knows.
WITHOUT_EFFECT = (
    ("`lr_drop`, `lr_drop_at`", "`char_mlp`, PyTorch models",
     "`lr_drop` is 1, or `lr_drop_at` leaves no step to drop in"),
    ("`residual`", "`char_mlp`", "`depth` is 1, and `context` × `embedding` is not `width`"),
    ("`warmup`", "PyTorch models", "1 is the same as 0"),
    ("`beta1`, `beta2`", "PyTorch models", "`optimizer` is `sgd`"),
    ("`optimizer`", "PyTorch models", "`weight_decay` is 0: `adam` is the same as `adamw`"),
    ("`heads`", "`char_transformer`", "`attention` is not `softmax`"),
    ("`norm_place`", "`char_transformer`", "`norm` is `none`"),
    ("`residual_init`", "`char_transformer`", "`residual` is false, or there is one branch only"),
)  # fmt: skip
LOOKS = (
    "With `seeds = { looks = [5, 10, 20] }`, a study has the seeds 1 to 20, and its claims are "
    "judged with 5, 10 and 20 seeds. `ablate run` trains all variants with the seeds 1 to 5. A "
    "claim is settled at the first look that gives it a verdict other than INCONCLUSIVE, or a "
    "verdict that more seeds cannot change; that verdict is final. Up to the next look, "
    "`ablate run` trains only the variants that unsettled claims need, and it stops when all "
    "claims are settled. Runs that no look needs do not count as missing. The level of the "
    "verdicts is split among the looks, so each look costs some power. A study without claims "
    'trains all seeds.\n\nWith `seeds = { count = 20, looks = "any" }`, all 20 seeds are trained, '
    "and you may add seeds at any time (`--seeds 30`): the tests are valid at every number of "
    "seeds, but need larger effects. In a study without looks, seeds added after the first "
    "session make every verdict exploratory. So does a change of the looks."
)

TUNED = """### Tuned fields

To judge each variant at its best learning rate, list the rates to try in `[tuned]`. `[baseline]`
names one of them, and `[factors]` and `[fixed]` must not name the field:

```toml
[factors]
optimizer = ["sgd", "adam"]

[tuned]
lr = [0.001, 0.01, 0.1, 1.0]

[baseline]
optimizer = "sgd"
lr = 0.1
```

Every variant is trained at every level with every seed, here 2 × 4 runs a seed. Tuned fields need
three seeds or more, and no looks. The report's section *Each variant at every tuned level* shows
which level each variant got. If the best level is the first or the last one, the report says which
level to add. [Statistics](statistics.md#tuned-fields) describes how the level is chosen."""

PARTIAL_GRIDS = """### Partial grids

By default, a study has every combination of its levels. To leave some out:

```toml
[[exclude]]                 # BatchNorm needs the variance of a batch of two or more
norm = "batch"
batch = 1

[[exclude]]                 # a value may be a list: this excludes two more combinations
norm = "none"
depth = [20, 50]

[[only]]                    # lr_drop_at has no effect elsewhere
factor = "lr_drop_at"
where = { lr_drop = 0.1 }
```

`[[exclude]]` leaves out all variants that match every line of the table. `[[only]]` lets a factor
vary only where its `where` holds; elsewhere it stays at its baseline level, which leaves one
variant instead of several twins. The baseline is never left out.

To change one thing at a time, write `design` above the first table:

```toml
design = "one_at_a_time"

[factors]
norm = ["none", "batch"]
activation = ["tanh", "relu"]
depth = [2, 4]

[baseline]
norm = "batch"
activation = "tanh"
depth = 2
```

This study has four variants instead of eight: the baseline, and each single change of it. It
therefore cannot show interactions.

`ablate plan` shows the number of combinations. If a variant cannot be trained, the error message
gives the tables that leave it out. Runs keep their identity: if a study grows, only new runs are
trained.

Nothing is averaged over missing variants. An effect, a slope or an interaction is averaged over the
combinations of the other factors that have every level compared, and the report says over how many:
"6 of 12 combinations". If there are none, it is NOT ESTIMABLE. A claim is about the same
combinations. A claim is refused when the study is read if it names a combination without variants,
or if no combination has all the variants that it compares."""


def reference() -> str:
    """The page: study file, subjects, claims, command line, refusals."""
    parts = [
        "# Reference\n\n`python -m docs.generate` generates this page; a test compares it with "
        "the code.",
        "## The study file\n\nA study is one TOML file. The tables `[fixed]`, `[factors]`, "
        "`[tuned]`, `[baseline]` and `[bare]` name fields of the subject. Any field can be a "
        "factor.",
        table(("key", "meaning"), model_rows(Study, {"name"})),
        LOOKS,
        "The studies that come with the package:",
        table(
            ("study", "runs", "question"),
            (
                (f"`{study.name}`", f"{study.size():,}", study.question)
                for study in map(load_study, study_names())
            ),
        ),
        "### Twins\n\nTwins are variants that differ only in fields without effect, so that they "
        "train to the same bits. `ablate plan` and the report's caveats name them. To avoid "
        "twins, use `[[only]]` to say where a factor varies, or leave out a level. The harness "
        "knows these cases:",
        table(("fields", "subjects", "without effect where"), WITHOUT_EFFECT),
        TUNED,
        PARTIAL_GRIDS,
        "## Claims\n\nWrite each claim as a `[[claims]]` table, before the runs. "
        "[Statistics](statistics.md) describes how claims are tested. The kinds are:",
        *claim_sections(),
        *(section for name in subject_names() for section in subject_sections(find_subject(name))),
        "## The command line\n\nExit codes: 0 done, 1 some runs failed or a check did not pass, "
        "2 invalid input, 130 interrupted.",
        *command_sections(),
        "## JSON documents\n\nThese are the documents that commands print with `--json`. `ablate "
        "schema NAME` prints the same as a JSON Schema, and [machines.md](machines.md) explains "
        "their use. If a key holds other objects, its row names their type, whose table follows.",
        *document_sections(),
        "## Error messages\n\nAn error message states a rule, the value received, and a remedy; "
        "the exit "
        'code is 2. Stored results stay unchanged, and nothing is left half-written. "…" stands '
        "for text that depends on the case.",
        *refusal_sections(),
    ]
    return "\n\n".join(parts) + "\n"


def subject_sections(subject: Subject) -> Iterator[str]:
    """The fields, responses and curves of a subject."""
    yield f"## Subject `{subject.name}`"
    yield "### Fields of a run"
    yield table(("field", "default", "meaning", "may differ in one stack?"), field_rows(subject))
    if subject.name == DEFAULT:
        yield f"Norms: {words(NORMS)}. Activations: {words(ACTIVATIONS)}. Inits: {words(INITS)}."
    yield (
        "### Responses\n\nResponses are the numbers that summarise a run; in MLflow they are "
        "metrics at step 0. `init/` is measured in training mode on the first minibatch, `last/` "
        "in training mode on the last one, `final/` in eval mode over whole splits."
    )
    rows = ((f"`{r.name}`", r.axis, r.says) for r in subject.responses.values())
    yield table(("response", "axis", "meaning"), rows)
    yield "### Curves\n\nCurves are MLflow metrics over the steps."
    curves = ((f"`{name}`", curve.label) for name, curve in subject.curves.items())
    yield table(("metric", "axis"), curves)


def words(names: Any) -> str:
    """Names as code, with commas."""
    return ", ".join(f"`{name}`" for name in names)


def model_rows(model: type[BaseModel], left_out: set[str]) -> Iterator[tuple[str, str]]:
    """Key and meaning of every field of a model."""
    for name, field in model.model_fields.items():
        if name not in left_out:
            given = field.get_default(call_default_factory=True)
            default = f"; default: `{given}`" if given not in (None, "", (), {}) else ""
            remark = " (needed)" if field.is_required() else default
            yield f"`{name}`", f"{field.description or ''}{remark}"


def field_rows(subject: Subject) -> Iterator[tuple[str, str, str, str]]:
    """One row for every field of a run."""
    for name, field in subject.Fields.model_fields.items():
        given = format_level(field.default) if isinstance(field.default, bool) else field.default
        default = "as `norm`" if given == "" else f"`{given}`"
        stackable = "yes" if subject.Fields.is_stackable(name) else "no"
        yield f"`{name}`", default, field.description or "", stackable


def claim_sections() -> Iterator[str]:
    """A heading, the meaning and the keys of every kind of claim."""
    for model in get_args(get_args(Claim)[0]):
        kind = get_args(model.model_fields["kind"].annotation)[0]
        yield f"### {kind}\n\n{(model.__doc__ or '').splitlines()[0]}"
        yield table(("key", "meaning"), model_rows(model, {"kind"}))


def command_sections() -> Iterator[str]:
    """The help of every command, as it is printed."""
    yield help_of("ablate", ablate)
    for name in COMMANDS:
        command = ablate.get_command(click.Context(ablate), name)
        assert command is not None  # noqa: S101 - it is in the list
        yield help_of(f"ablate {name}", command)


def help_of(name: str, command: click.Command) -> str:
    """A heading and what the command says of itself."""
    context = click.Context(
        command, info_name=name, terminal_width=80, help_option_names=["-h", "--help"]
    )
    text = re.sub(r"[ \t]+$", "", command.get_help(context), flags=re.MULTILINE)
    return f"### {name}\n\n```\n{text}\n```"


def document_sections() -> Iterator[str]:
    """A heading and the keys of every document that --json prints, then of its parts."""
    described: set[type[BaseModel]] = set()
    for documents in SCHEMAS.values():
        for document in documents:
            name = document.model_fields["schema_name"].default
            event = document.model_fields.get("event")
            heading = f"`{name}`, `{event.default}`" if event else f"`{name}`"
            yield f"### {heading}\n\n{(document.__doc__ or '').splitlines()[0]}"
            yield table(("key", "meaning"), key_rows(document))
            for part in parts_of(document):
                if part not in described:
                    described.add(part)
                    yield f"`{part.__name__}`: {(part.__doc__ or '').splitlines()[0]}"
                    yield table(("key", "meaning"), key_rows(part))


def key_rows(model: type[BaseModel]) -> Iterator[tuple[str, str]]:
    """Key and meaning of every field of a document or a part that is not in all documents."""
    for name, field in model.model_fields.items():
        if name not in ("schema_name", "event"):
            named = ", ".join(f"`{part.__name__}`" for part in models_in(field.annotation))
            yield f"`{name}`", f"{field.description}{f': {named}' if named else ''}"


def parts_of(model: type[BaseModel]) -> Iterator[type[BaseModel]]:
    """The models that a document is made of, in the order of its keys."""
    for field in model.model_fields.values():
        for part in models_in(field.annotation):
            yield part
            yield from parts_of(part)


def models_in(annotation: Any) -> Iterator[type[BaseModel]]:
    """The models in a type, such as the one of a tuple."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    for argument in get_args(annotation):
        yield from models_in(argument)


def refusal_sections() -> Iterator[str]:
    """A heading and a table of every part of the harness that refuses something."""
    for part, pairs in refusals().items():
        rows = [
            (html.escape(rule, quote=False), html.escape(remedy, quote=False))
            for rule, remedy in pairs
        ]
        if part == "Study files":  # what pydantic finds, in the harness's words
            rules = (re.sub(r"{.*?}", "…", rule) for rule in RULES.values())
            rows += [(f"… {rule}", "Fix that entry.") for rule in dict.fromkeys(rules)]
        yield f"### {part}\n\n{table(('rule', 'remedy'), rows)}"


if __name__ == "__main__":
    PAGE.write_text(reference(), encoding="utf-8")
    write_findings()
