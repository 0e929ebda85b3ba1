"""What of a study's tables goes into a report that others read."""

from dataclasses import replace

from harness.analysis.frames import StudyData
from harness.analysis.gather import thinned
from harness.report.facets import examples
from harness.report.names import named

MOST_LAYERS = 10  # of a variant, in figures of quantities by layer
MOST_NAMED = (
    40  # the same where layers have names: neighbours differ in kind, as norms do from others
)


def shareable(data: StudyData) -> StudyData:
    """The data without paths of this machine, and with what is drawn of the bulkiest tables.

    Of histograms and weights, only the variants that the figures show are kept, and of deep
    networks some layers; the store has all of it for every run.
    """
    facts, address = data.facts, data.facts.get("tracking_uri", "")
    if address.startswith("sqlite:"):
        facts = facts | {"tracking_uri": f"sqlite:///{address.rpartition('/')[2]}"}
    shown = list(examples(data.study))
    histograms = data.histograms[data.histograms["variant"].isin(shown)]
    weights = data.weights[data.weights["variant"].isin(shown)]
    most = MOST_NAMED if named(data.layers) else MOST_LAYERS
    layers, probes = (
        thinned(table, "layer", ["variant"], most) for table in (data.layers, data.probes)
    )
    return replace(
        data, facts=facts, layers=layers.reset_index(drop=True),
        probes=probes.reset_index(drop=True), histograms=histograms.reset_index(drop=True),
        weights=weights.reset_index(drop=True),
    )  # fmt: skip
