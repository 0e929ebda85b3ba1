"""The tidy tables of a study, in memory and as a folder of files: all that a report is made of.

`harness.analysis.gather.gather` makes a `StudyData` from what the store holds of each run; curves,
layers and updates are then already averaged over seeds, so that the files of 120 runs stay near
one megabyte. In the files, tables name a variant by its number in `cells.csv`.
"""

import json
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from harness.plan import variant_label
from harness.responses import RESPONSES
from harness.study import Levels, Study, format_level

TEXT_OF_A_RUN = (
    "run_key", "run_id", "run_name", "variant", "outcome", "minibatches", "data_digest", "device",
    "versions", "commit", "trainer", "diverged_cause", "claims_digest", "session", "batch",
    "train_words", "steps",
)  # fmt: skip

# What the analysis reads of `StudyData.facts`; where one is missing, what rests on it is left out.
FACTS = {
    "digest": "of the corpus, as in run keys",
    "vocabulary": "number of characters, the end mark included; ln of it is the loss of guessing",
    "entropy/unigram": "of the next character on the train split, nats",
    "entropy/context": "of the next character given the context, on the train split, nats",
    "claims_digest": "of the claims when the study was first run",
    "duplicates": "runs that were left out, because an older one of the same key counts",
    "first_seeds": "those asked for when the study was first run, as text",
}

# Type of each column; in `runs`, also a text column per factor and a float one per response.
RUNS = {
    **dict.fromkeys(TEXT_OF_A_RUN, "str"), "seed": "int64", "seconds": "float64",
    "diverged_step": "float64", **dict.fromkeys(RESPONSES, "float64"),
}  # fmt: skip
MEAN = {"mean": "float64", "low": "float64", "high": "float64", "n": "int64"}
TABLES: dict[str, dict[str, str]] = {
    "curves": {"variant": "str", "metric": "str", "step": "int64", **MEAN},
    "layers": {"variant": "str", "when": "str", "layer": "int64", "quantity": "str", **MEAN},
    "init_layers": {
        "variant": "str", "seed": "int64", "layer": "int64", "saturation": "float64",
        "gradient_std": "float64",
    },
    "updates": {
        "variant": "str", "step": "int64", "weight": "int64", "mean": "float64", "n": "int64",
    },
    "histograms": {
        "variant": "str", "kind": "str", "when": "str", "layer": "int64", "left": "float64",
        "right": "float64", "count": "float64",
    },
}  # fmt: skip


@dataclass(frozen=True, eq=False)
class StudyData:
    """What is known of a study after its runs, as tidy tables.

    Variants are named by `harness.plan.variant_label`, in the order of the study's cells. `mean`,
    `low`, `high`, `n` are the mean over seeds, its 95 % t interval (NaN with one seed), and how
    many seeds there are.

    Attributes:
        study: the resolved study.
        facts: about the study as a whole; `FACTS` says which ones are read here.
        runs: one row a run: TEXT_OF_A_RUN as text ("" where there is none), seed, seconds,
            diverged_step (NaN unless diverged), each factor's level as text, each response.
        curves: variant, metric ("train/loss", ...), step: mean, low, high, n.
        layers: variant, when ("init", "last", "final"), layer (1..L), quantity ("mean", "std",
            "saturation", "dead", "gradient_std"): mean, low, high, n.
        init_layers: per run, variant, seed, layer: saturation and gradient_std at init.
        updates: variant, step, weight (0 embedding, 1..L hidden, L + 1 last): mean, n of log10
            update:data; of deep networks only some weights.
        histograms: of the first seed's run of a variant, kind ("activation", "gradient"), when
            ("init", "last"), layer (first, middle, last), left, right edge, count.
    """

    study: Study
    facts: dict[str, str]
    runs: pd.DataFrame
    curves: pd.DataFrame
    layers: pd.DataFrame
    init_layers: pd.DataFrame
    updates: pd.DataFrame
    histograms: pd.DataFrame

    def __eq__(self, other: object) -> bool:
        """Equal to the last bit of every number."""
        if not isinstance(other, StudyData):
            return NotImplemented
        return (self.study, self.facts) == (other.study, other.facts) and all(
            getattr(self, name).equals(getattr(other, name)) for name in ("runs", *TABLES)
        )

    __hash__ = None  # type: ignore[assignment]  # frames are mutable

    def write(self, folder: Path) -> None:
        """Write study.json, cells.csv, runs.csv and the other tables; `load` reads them back."""
        folder.mkdir(parents=True, exist_ok=True)
        whole = {"study": self.study.model_dump(mode="json"), "facts": self.facts}
        text = json.dumps(whole, indent=1, ensure_ascii=False)
        (folder / "study.json").write_text(text + "\n", encoding="utf-8")
        numbers = {variant: i for i, variant in enumerate(self.variants(), start=1)}
        write_csv(cells_table(self.study, numbers), folder / "cells.csv")
        write_csv(self.runs, folder / "runs.csv")
        for name in TABLES:
            table: pd.DataFrame = getattr(self, name)
            cell = table["variant"].map(numbers).astype("int64").rename("cell")
            write_csv(
                pd.concat([cell, table.drop(columns="variant")], axis=1), folder / f"{name}.csv"
            )

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
        return cls(study=study, facts=whole["facts"], runs=runs, **tables)

    def variants(self) -> list[str]:
        """Names of all variants: the study's in its order, then any other that has a run."""
        planned = [variant_label(cell) for cell in self.study.cells()]
        return list(dict.fromkeys([*planned, *sorted(self.runs["variant"])]))


def runs_types(study: Study) -> dict[str, str]:
    """Name and type of every column of `runs`, in order."""
    return dict.fromkeys(study.factors, "str") | RUNS


def level_texts(cell: Levels) -> dict[str, str]:
    """A cell's levels as they stand in the factor columns."""
    return {factor: format_level(level) for factor, level in cell.items()}


def cells_table(study: Study, numbers: dict[str, int]) -> pd.DataFrame:
    """Number, name and levels of every variant."""
    levels = {variant_label(cell): level_texts(cell) for cell in study.cells()}
    none = dict.fromkeys(study.factors, "")
    rows = [{"cell": i, "variant": name, **levels.get(name, none)} for name, i in numbers.items()]
    return pd.DataFrame(rows, columns=["cell", "variant", *study.factors])


def typed(table: pd.DataFrame, types: dict[str, str]) -> pd.DataFrame:
    """The table with exactly these columns, in this order and of these types.

    Missing columns become empty; text is turned into numbers where numbers are asked for.
    """
    columns = {
        name: _typed(table[name] if name in table else pd.Series("", index=table.index), kind)
        for name, kind in types.items()
    }
    return pd.DataFrame(columns).reset_index(drop=True)


def _typed(column: pd.Series, kind: str) -> pd.Series:
    if kind == "str":
        return column.fillna("").astype("str")
    if not pd.api.types.is_numeric_dtype(column):  # Python's float() is exact on every version
        column = pd.Series([float(text) if text else float("nan") for text in column],
                           index=column.index, dtype="float64")  # fmt: skip
    return column.astype("int64" if kind == "int64" else "float64")


def write_csv(table: pd.DataFrame, path: Path) -> None:
    """Write a table so that its numbers read back to the last bit, alike on every system."""
    path.write_bytes(table.to_csv(index=False, lineterminator="\n").encode())


def read_csv(path: Path) -> pd.DataFrame:
    """Read a table as text, nothing guessed at; `typed` makes numbers of it."""
    return pd.read_csv(path, dtype="str", keep_default_na=False)
