"""What of a study's tables goes into a report that others are to read."""

from dataclasses import replace

import pandas as pd

from harness.analysis.frames import StudyData
from harness.analysis.gather import shown
from harness.report.facets import cast

LAYERS = 10  # of a variant, in figures of quantities by layer


def shareable(data: StudyData) -> StudyData:
    """The data without paths of this machine, and with what is drawn of the bulkiest tables.

    Of histograms and update:data ratios, only the variants that the figures show are kept, and of
    deep networks some layers; the store has all of it for every run.
    """
    return replace(
        data, facts=data.facts | store_name(data.facts), layers=some_layers(data.layers),
        histograms=of_the_cast(data, data.histograms), updates=of_the_cast(data, data.updates),
    )  # fmt: skip


def of_the_cast(data: StudyData, table: pd.DataFrame) -> pd.DataFrame:
    """The rows of the few telling variants."""
    return table[table["variant"].isin(list(cast(data.study)))].reset_index(drop=True)


def some_layers(layers: pd.DataFrame) -> pd.DataFrame:
    """The rows of at most `LAYERS` layers of each variant, evenly spread, with first and last."""
    depths = layers.groupby("variant")["layer"].max()
    kept = [(name, layer) for name, depth in depths.items() for layer in shown(int(depth), LAYERS)]
    wanted = pd.MultiIndex.from_tuples(kept, names=["variant", "layer"])
    there = pd.MultiIndex.from_frame(layers[["variant", "layer"]]).isin(wanted)
    return layers[there].reset_index(drop=True)


def store_name(facts: dict[str, str]) -> dict[str, str]:
    """The store's address without the folder that a SQLite file lies in."""
    address = facts.get("tracking_uri", "")
    if not address.startswith("sqlite:"):
        return {}
    return {"tracking_uri": f"sqlite:///{address.rpartition('/')[2]}"}
