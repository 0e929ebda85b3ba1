"""How a study appears in MLflow's UI: run names, colours, and notes that say how to read it."""

from html import escape

from harness.errors import counted
from harness.store.schema import DEFINITION, IS_SCHEMA, LONGEST_NAME, SCHEMA
from harness.store.views import views
from harness.study.files import as_typed
from harness.study.levels import Level, format_level
from harness.study.plan import Run
from harness.study.study import Study
from harness.training.records import Result

# Okabe and Ito's palette without its black and its yellow, which vanish on dark and on light.
PALETTE = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9")
STRENGTHS = (1.0, 0.75, 0.55, 0.4)  # of the colour against white: more variants, the same hues
LONGEST_NOTE = 20_000  # characters of an experiment's tag; PostgreSQL enforces it
LONGEST_ENDING = 1000  # characters of how a run ended; escaping may make them five times as many
MOST_LISTED = 24  # levels


def colours(study: Study) -> list[str]:
    """A colour for all runs of a cell at a tuned level, in order: stable, distinct for 24."""
    count, hues = sum(1 for _ in study.trained()), len(PALETTE)
    return [shade(PALETTE[i % hues], STRENGTHS[i // hues % len(STRENGTHS)]) for i in range(count)]


def shade(colour: str, strength: float) -> str:
    """A colour mixed with white.

    >>> shade("#0072b2", 0.5)
    '#80b9d8'
    """
    parts = (int(colour[i : i + 2], 16) for i in (1, 3, 5))
    return "#" + "".join(f"{round(255 - strength * (255 - part)):02x}" for part in parts)


def run_name(planned: Run) -> str:
    """A run's name: its variant and its seed."""
    seed = f" · seed {planned.seed}"
    return planned.variant[: LONGEST_NAME - len(seed)] + seed


def study_name(study: Study, data: str) -> str:
    """A parent run's name: the study, and the steps and data that set it apart from others."""
    return f"{study.name} · {steps_text(study)} steps · {data}"[:LONGEST_NAME]


def steps_text(study: Study) -> str:
    """How long the study's runs are trained; "varied" where that is a factor."""
    if "steps" in study.varied:
        return "varied"
    return str(study.fields(next(study.trained())).steps)


def experiment_note(study: Study) -> str:
    """What the experiment asks and how to read it, as Markdown."""
    factors = "\n".join(
        f"- **{plain(factor)}**: {plain(listed(levels))}" for factor, levels in study.varied.items()
    )
    note = (
        f"**{plain(study.question)}**\n\n{plain(study.note)}\n\n{factors}\n\n"
        f"Decided by `{study.primary}`. A row is one run: one variant with one seed; a seed is the "
        "same in every variant, so compare variants seed by seed. Group by `variant` to see means. "
        "`init/…` and `last/…` are measured in training mode on one minibatch, `final/…` in eval "
        "mode on whole splits. The parent run holds the resolved study and the report."
    )
    return note[:LONGEST_NOTE]


def listed(levels: tuple[Level, ...]) -> str:
    """A factor's levels, the first of them where they are many."""
    shown = ", ".join(map(format_level, levels[:MOST_LISTED]))
    return shown + (f", … ({len(levels)} in all)" if len(levels) > MOST_LISTED else "")


def experiment_tags(study: Study) -> dict[str, str]:
    """Tags that make MLflow open the experiment as a sweep of models, and say what it asks."""
    return {
        IS_SCHEMA: SCHEMA,
        "mlflow.experimentKind": "custom_model_development",
        "mlflow.experiment.primaryMetric.name": study.primary,
        "mlflow.experiment.primaryMetric.greaterIsBetter": str(
            study.response().direction == "higher"
        ),
        "mlflow.note.content": experiment_note(study),
        "question": study.question,
        **views(study, steps_text(study)),
    }


def study_note(study: Study, data: str) -> str:
    """What a parent run is, as Markdown."""
    cells = study.size() // len(study.seeds)
    most = "at most " if study.declared_looks else ""
    variants, seeds = counted(cells, "variant"), counted(len(study.seeds), "seed")
    return (
        f"**{plain(study.question)}**\n\n{variants} × {most}{seeds}, "
        f"{steps_text(study)} steps each, on {plain(data)}. The runs are this run's children; "
        f"the tag `progress` says how many have ended.\n\nUnder *Artifacts*: `{DEFINITION}`, the "
        "study as resolved, and `report/` with the report, once it is written "
        f"(`ablate report {plain(as_typed(study.name))}`)."
    )


def ending(result: Result) -> str:
    """How a run ended, in words."""
    if result.outcome == "finished":
        return f"finished after {result.trace.steps} steps"
    step, cause = (result.facts.get(f"diverged_{what}", "?") for what in ("step", "cause"))
    return f"diverged at step {step} ({cause}); its last finite values are kept"


def run_note(study: Study, planned: Run, ending: str) -> str:
    """What a child run is and how it ended, as Markdown; of a long story its end."""
    ending = ending if len(ending) <= LONGEST_ENDING else f"… {ending[-LONGEST_ENDING:]}"
    groups = sorted({name.partition("/")[0] for name in study.model.curves})
    curves = ", ".join(f"`{group}/…`" for group in groups) or "no metrics"
    return (
        f"{plain(planned.variant)}, seed {planned.seed}: {plain(ending)}\n\n"
        f"{curves} are curves over steps; `final/…` is eval mode on whole splits. "
        f"What was measured inside: `ablate show {planned.key}`."
    )


def plain(value: object) -> str:
    """Text from a study or data file that Markdown and HTML leave as it is."""
    html = escape(str(value), quote=False)
    return "".join(f"\\{sign}" if sign in "\\`*_[]#|!" else sign for sign in html)
