"""For notebooks: a study is run or loaded, and its results are frames and matplotlib figures.

`docs/notebook.md` shows how.
"""

import os
import shlex
import warnings
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

from harness.errors import UserError, counted, suggest

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure

    from harness.analysis.frames import StudyData
    from harness.report.source import Source
    from harness.study.request import Request
    from harness.study.study import Study


def run(
    study: str,
    *,
    steps: int | None = None,
    seeds: int | Sequence[int] | None = None,
    data: str | None = None,
    store: str | None = None,
    workers: int | None = None,
) -> "Results":
    """Train what is missing of a study, as `ablate run` does, and return its results.

    An interrupted call keeps what was trained; the same call continues. In a script, as opposed to
    a notebook, it stands below `if __name__ == "__main__":`, since worker processes import it.

    Args:
        study: its name, or the path of its file.
        steps: training steps of each run, in the place of the file's.
        seeds: how many, or which, in the place of the file's.
        data: what to train on, in the place of what the file names.
        store: MLflow tracking URI; default: MLFLOW_TRACKING_URI, or the mlflow.db of this directory
            or of one above it, which is created here where there is none.
        workers: how many processes train; default: one a core.

    Raises:
        UserError: a mistake in what is asked, with its remedy.
        KeyboardInterrupt: it was interrupted.
    """
    from harness.cli.session import EngineOptions, run_session
    from harness.cli.signals import INTERRUPTED

    uri, request = _uri(store), _request(study, steps, seeds, data)
    typed = [*(("--tracking-uri", uri) if uri else ()), "run", *shlex.split(request.typed)]
    if run_session(uri, request, EngineOptions(workers=workers), typed=typed) == INTERRUPTED:
        raise KeyboardInterrupt
    return load(study, steps=steps, seeds=seeds, data=data, store=store)


def load(
    study: str,
    *,
    steps: int | None = None,
    seeds: int | Sequence[int] | None = None,
    data: str | None = None,
    store: str | None = None,
) -> "Results":
    """The results of a study as the store holds them; nothing is trained.

    Arguments as those of `run`. Where the study's file has changed since its runs were trained, or
    the store has others of its runs, a warning says so.

    Raises:
        UserError: the store has no such study, or no such runs of it.
    """
    from harness.analysis.gather import gather
    from harness.store.reading import read_study
    from harness.store.remarks import on_changes
    from harness.store.selection import select
    from harness.store.store import Store

    opened = Store.existing(_uri(store))
    selected, (_, *notes) = select(opened, _request(study, steps, seeds, data))
    stored = read_study(opened, **selected)
    if stored.changed:
        notes.append(on_changes(stored.study.name, stored.changed))
    for note in notes:
        warnings.warn(note, stacklevel=2)
    return Results(gather(stored))


def tidy(study: str, uri: str | None = None, **chosen: Any) -> "pd.DataFrame":
    """Every response of every run of a study in the store, in long form: `load(…).tidy()`.

    Args:
        study: its name, or the path of its file.
        uri: the store, as `load` takes it.
        chosen: steps, seeds, data, as `load` takes them.

    Raises:
        UserError: there is no such study in the store.
    """
    return load(study, store=uri, **chosen).tidy()


@dataclass(frozen=True, eq=False)
class Results:
    """What the runs of a study measured, and what follows from it, as frames and figures.

    The frames are those that the report is made of. Intervals are 95 % t intervals over seeds,
    those of claims simultaneous ones.

    Attributes:
        data: all tables of the study; private but for the attributes below.
    """

    data: "StudyData"

    def __repr__(self) -> str:
        """The study's name, and how much of it is there."""
        runs = self.data.ended
        ended = f"{len(runs)} of {counted(len(self._source.expected), 'run')} ended"
        claims = counted(len(self.study.claims), "claim")
        return f"<Results of {self.study.name}: {ended}, {claims}>"

    @property
    def study(self) -> "Study":
        """The study: its question, factors, seeds and claims."""
        return self.data.study

    @property
    def runs(self) -> "pd.DataFrame":
        """One row a run: levels, seed, outcome, every response (NaN where it has none)."""
        return self.data.runs

    @property
    def curves(self) -> "pd.DataFrame":
        """Means over seeds of what was followed while training: variant, metric, step, mean, …."""
        return self.data.curves

    @property
    def layers(self) -> "pd.DataFrame":
        """Means over seeds of what was measured in each layer, at init and at the end."""
        return self.data.layers

    @cached_property
    def findings(self) -> "pd.DataFrame":
        """What the audit of the runs found: check, severity, message, runs."""
        return self._source.integrity

    @cached_property
    def cells(self) -> "pd.DataFrame":
        """Every variant with its levels, and the primary response: mean, low, high, n."""
        import pandas as pd

        from harness.analysis.frames import level_texts

        levels = {name: level_texts(cell) for name, cell in self._source.cells.items()}
        table = pd.DataFrame.from_dict(levels, orient="index")
        return table.join(self._source.means).reset_index(names="variant")

    @cached_property
    def effects(self) -> "pd.DataFrame":
        """Main effects, simple effects, interactions and slopes: estimate, low, high, n, …."""
        return self._comparable.effects

    @cached_property
    def attribution(self) -> "pd.DataFrame":
        """How far each part carries from bare to baseline, per stratum and way of counting."""
        return self._comparable.attribution

    @cached_property
    def claims(self) -> "pd.DataFrame":
        """The claims with their verdicts and the numbers they rest on."""
        return self._comparable.claims

    @property
    def verdicts(self) -> dict[str, str]:
        """The verdict on each claim, by the claim's id."""
        return dict(zip(self.claims["id"], self.claims["verdict"], strict=True))

    def tidy(self) -> "pd.DataFrame":
        """Every response of every run: one row a run and response.

        Returns:
            The factors' levels (text), variant, seed, outcome, run_id, response, value as measured
            (not capped; NaN where the run has none).
        """
        keys = dict.fromkeys([*self.study.factors, "variant", "seed", "outcome", "run_id"])
        responses = list(self.study.model.responses)
        return self.runs.melt(list(keys), responses, var_name="response", value_name="value")

    @property
    def figures(self) -> list[str]:
        """Names of the figures that the study may have."""
        from harness.report.figures import drawings

        return [drawing.name for drawing in drawings(self.study)]

    def figure(self, name: str) -> "Figure":
        """A figure of the report, as matplotlib's.

        Raises:
            UserError: there is no such figure, it has nothing to show, or the runs cannot be
                compared.
        """
        from harness.report.figures import drawings
        from harness.report.style import settings

        known = {drawing.name: drawing for drawing in drawings(self.study)}
        if name not in known:
            hint = suggest(name, known, "figures")
            raise UserError("a figure must have a name from the report", repr(name), hint)
        with settings():
            figure = known[name].draw(self._comparable)
        if figure is None:
            raise UserError(
                "a figure needs data to show",
                f"study '{self.study.name}', which has none for '{name}'",
                "`figures` has the names of all figures.",
            )
        return figure

    @cached_property
    def _source(self) -> "Source":
        from harness.report.share import shareable
        from harness.report.source import Source

        return Source(shareable(self.data))

    @cached_property
    def _comparable(self) -> "Source":
        from harness.analysis.integrity import require_comparable

        require_comparable(self.data)
        return self._source


def _request(
    study: str, steps: int | None, seeds: int | Sequence[int] | None, data: str | None
) -> "Request":
    from harness.study.request import Request

    given = data or os.environ.get("ABLATE_DATA")
    return Request(study, steps, _seeds(seeds), given, environment=not data)


def _seeds(seeds: int | Sequence[int] | None) -> tuple[int, ...] | None:
    """The seeds that are asked for; a number means those from 1 to it.

    >>> _seeds(3), _seeds([2, 5])
    ((1, 2, 3), (2, 5))
    """
    try:
        if seeds is None or isinstance(seeds, Iterable):
            return None if seeds is None else tuple(seeds)
        return tuple(range(1, seeds + 1))
    except TypeError:
        raise UserError(
            "seeds are a whole number, or several of them", repr(seeds), "Write seeds=5, or a list."
        ) from None


def _uri(store: str | None) -> str | None:
    return store or os.environ.get("MLFLOW_TRACKING_URI")
