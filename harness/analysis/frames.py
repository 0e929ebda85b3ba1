"""The tidy tables of a study, in memory and as a folder of files: all that a report is made of.

`harness.analysis.gather.gather` makes a `StudyData` of a stored study. Its curves, layers and
weights are means over seeds, so that the files of 120 runs stay near one megabyte. In the files,
tables name a variant by its number in `cells.csv`.
"""

import json
from dataclasses import dataclass
from math import nan
from pathlib import Path

import pandas as pd

from harness.study.levels import Levels, format_level
from harness.study.plan import variant_label
from harness.study.study import Study
from harness.subjects.subject import Facts, Response

ENDED = ("finished", "diverged")  # the outcomes of complete runs
TEXT_OF_A_RUN = (
    "run_key", "run_id", "run_name", "variant", "outcome", "minibatches", "data_digest", "device",
    "versions", "commit", "subject", "version", "diverged_cause", "claims_digest", "session",
    "changed", "lacking", "files",
)  # fmt: skip
# What names a value in each table besides `runs`, next to the variant or run, and of which type.
KEYS: dict[str, dict[str, str]] = {
    "curves": {"metric": "str", "step": "int64"},
    "layers": {"when": "str", "layer": "int64", "name": "str", "quantity": "str"},
    "probes": {"quantity": "str", "step": "int64", "layer": "int64", "name": "str"},
    "weights": {"quantity": "str", "step": "int64", "weight": "int64", "name": "str"},
    "histograms": {
        "kind": "str", "when": "str", "layer": "int64", "left": "float64", "right": "float64",
    },
}  # fmt: skip
MEAN = {"mean": "float64", "low": "float64", "high": "float64", "n": "int64"}
MEAN_ONLY = {"mean": "float64", "n": "int64"}
VALUES = {"curves": MEAN, "layers": MEAN, "probes": MEAN_ONLY, "weights": MEAN_ONLY,
          "histograms": {"count": "float64"}}  # fmt: skip
TABLES = {name: {"variant": "str", **keys, **VALUES[name]} for name, keys in KEYS.items()}
CLUSTERED = {"response": "str", "variant": "str", "other": "str", "covariance": "float64"}
ROW_ORDER = (
    "metric", "kind", "when", "quantity", "step", "layer", "weight", "name", "left", "right",
)  # fmt: skip


@dataclass(frozen=True, eq=False)
class StudyData:
    """What is known of a study after its runs, as tidy tables.

    Variants are named by `harness.study.plan.variant_label`, in the order of the study's cells.
    `mean`, `low`, `high`, `n` are the mean over seeds, its 95 % t interval (NaN with one seed), and
    the number of seeds. Metrics, quantities and kinds are those that the subject declares.

    Attributes:
        study: the resolved study.
        facts: about the study as a whole. Read here: "digest" (of the data), "claims_digest" (of
            the claims at the first run), "first_seeds" (those asked for then, as text),
            "duplicates" (runs left out, since an older one of the same key counts), and
            "unidentified" (runs left out, since tags of theirs were deleted); all others belong to
            the subject. What rests on a missing fact is left out.
        runs: one row a run that is judged; `runs_types` lists its columns. Text is "" where there
            is none, numbers NaN; `diverged_step` is NaN unless the run diverged. `changed` is "yes"
            where a run has other values than when it ended, "unknown" where none can tell;
            `lacking` names tags and params that were deleted and follow from the rest; `files` says
            why a run's files cannot be read.
        trained: all runs, named by variant and tuned level (`harness.analysis.tuning`); of a study
            that tunes nothing, the same as `runs`.
        curves: variant, metric, step: mean, low, high, n.
        layers: variant, when ("init": step 0; "last": the last step probed; "final": whole splits
            after it), layer, name, quantity: mean, low, high, n. `name` is the layer's, "" where
            layers are just numbered.
        probes: variant, quantity, step, layer, name: mean, n; of the quantities that the subject
            shows over time, at a few steps.
        weights: variant, quantity, step, weight, name: mean, n; of many weights only some.
        histograms: of the lowest seed's run of a variant, kind, when ("init", "last"), layer
            (first, middle, last), left, right edge: count.
        clustered: covariances of the variants over the items of a split: see
            `harness.analysis.clustered`.
    """

    study: Study
    facts: dict[str, str]
    runs: pd.DataFrame
    trained: pd.DataFrame
    curves: pd.DataFrame
    layers: pd.DataFrame
    probes: pd.DataFrame
    weights: pd.DataFrame
    histograms: pd.DataFrame
    clustered: pd.DataFrame

    def __eq__(self, other: object) -> bool:
        """Equal to the last bit of every number."""
        if not isinstance(other, StudyData):
            return NotImplemented
        return (self.study, self.facts) == (other.study, other.facts) and all(
            getattr(self, name).equals(getattr(other, name))
            for name in ("runs", "trained", "clustered", *TABLES)
        )

    __hash__ = None  # type: ignore[assignment]  # frames are mutable

    @property
    def ended(self) -> pd.DataFrame:
        """The complete runs that are judged, those outside the study's plan included."""
        return self.runs[self.runs["outcome"].isin(ENDED)]

    @property
    def all_ended(self) -> pd.DataFrame:
        """The complete ones of all runs that were trained."""
        return self.trained[self.trained["outcome"].isin(ENDED)]

    def variants(self) -> list[str]:
        """Names of all variants: the study's in its order, then any other that has a run."""
        planned = [variant_label(cell) for cell in self.study.cells()]
        return list(dict.fromkeys([*planned, *sorted(self.runs["variant"])]))

    def write(self, folder: Path) -> None:
        """Write study.json, cells.csv, runs.csv and the other tables; `load` reads them back."""
        folder.mkdir(parents=True, exist_ok=True)
        whole = {"study": self.study.model_dump(mode="json"), "facts": self.facts}
        text = json.dumps(whole, indent=1, ensure_ascii=False)
        (folder / "study.json").write_text(text + "\n", encoding="utf-8")
        numbers = {variant: i for i, variant in enumerate(self.variants(), start=1)}
        levels = {variant_label(cell): level_texts(cell) for cell in self.study.cells()}
        cells = [{"cell": i, "variant": v, **levels.get(v, {})} for v, i in numbers.items()]
        columns = ["cell", "variant", *self.study.factors]
        write_csv(pd.DataFrame(cells, columns=columns), folder / "cells.csv")
        write_csv(self.runs, folder / "runs.csv")
        if self.study.tuned:
            write_csv(self.trained, folder / "trained.csv")
        for name in TABLES:
            table: pd.DataFrame = getattr(self, name)
            cell = table["variant"].map(numbers).astype("int64").rename("cell")
            numbered = pd.concat([cell, table.drop(columns="variant")], axis=1)
            write_csv(numbered, folder / f"{name}.csv")
        pairs = {name: self.clustered[name].map(numbers) for name in ("variant", "other")}
        write_csv(self.clustered.assign(**pairs), folder / "clustered.csv")

    @classmethod
    def load(cls, folder: Path) -> "StudyData":
        """The data that `write` wrote, equal to the last bit."""
        whole = json.loads((folder / "study.json").read_text(encoding="utf-8"))
        study = Study.model_validate(whole["study"])
        cells = read_csv(folder / "cells.csv")
        variants = dict(zip(cells["cell"], cells["variant"], strict=True))
        tables = {}
        for name, types in TABLES.items():
            table = read_csv(folder / f"{name}.csv")
            table.insert(0, "variant", table.pop("cell").map(variants))
            tables[name] = typed(table, types)
        runs = typed(read_csv(folder / "runs.csv"), runs_types(study))
        trained = runs
        if study.tuned:
            trained = typed(read_csv(folder / "trained.csv"), runs_types(study))
        clustered = read_csv(folder / "clustered.csv")
        for name in ("variant", "other"):
            clustered[name] = clustered[name].map(variants)
        tables["clustered"] = typed(clustered, CLUSTERED)
        return cls(study=study, facts=whole["facts"], runs=runs, trained=trained, **tables)


def runs_types(study: Study) -> dict[str, str]:
    """Name and type of every column of `runs`, in order: levels and budget are text."""
    texts = (*study.varied, *TEXT_OF_A_RUN, *study.model.budget)
    numbers = ("seconds", "diverged_step", *study.model.responses)
    return {**dict.fromkeys(texts, "str"), "seed": "int64", **dict.fromkeys(numbers, "float64")}


def cap_of(response: Response, facts: Facts) -> float:
    """The value that larger ones and diverged runs count as; NaN where there is none.

    There is none where the response has no cap, or a fact about the data for it is missing.
    """
    return response.cap(facts) if response.cap else nan


def level_texts(cell: Levels) -> dict[str, str]:
    """A cell's levels as they stand in the factor columns."""
    return {factor: format_level(level) for factor, level in cell.items()}


def typed(table: pd.DataFrame, types: dict[str, str]) -> pd.DataFrame:
    """The table with exactly these columns, in this order and of these types.

    Missing columns become empty; text becomes numbers where the type is a number's.
    """
    columns = {}
    for name, kind in types.items():
        column = table[name] if name in table else pd.Series("", index=table.index)
        if kind == "str":
            column = column.fillna("")
        elif not pd.api.types.is_numeric_dtype(column):  # float() is exact on every version
            numbers = [float(text) if text else float("nan") for text in column]
            column = pd.Series(numbers, index=column.index, dtype="float64")
        columns[name] = column.astype(kind)  # type: ignore[call-overload]
    return pd.DataFrame(columns).reset_index(drop=True)


def write_csv(table: pd.DataFrame, path: Path) -> None:
    """Write a table so that its numbers read back to the last bit, alike on every system.

    True and false stand as TOML has them.
    """
    flags = table.select_dtypes(["bool", "boolean"])
    words = {str(name): flags[name].map({True: "true", False: "false"}) for name in flags}
    path.write_bytes(table.assign(**words).to_csv(index=False, lineterminator="\n").encode())


def read_csv(path: Path) -> pd.DataFrame:
    """A table as text, without guessing types; `typed` makes numbers of it."""
    return pd.read_csv(path, dtype="str", keep_default_na=False)
