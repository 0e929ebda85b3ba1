"""What of a study's tables goes into a report that others read."""

from dataclasses import replace

from harness.analysis.frames import StudyData
from harness.analysis.gather import thinned
from harness.report.facets import examples
from harness.report.names import named
from harness.subjects.figures import CurveFigure

# What a report asks only of the runs that variants are judged by.
UNASKED = ("run_id", "run_name", "subject", "claims_digest", "session")
MICROSECONDS = 6  # decimals of seconds
MOST_LAYERS = 10  # of a variant, in figures of quantities by layer
MOST_NAMED = 40  # the same where layers have names, since neighbours differ in kind


def shareable(data: StudyData) -> StudyData:
    """The data without paths of this machine, and with what is shown of the bulkiest tables.

    Kept are the curves that are drawn, of histograms and weights the variants that the figures
    show, of deep networks some layers, and of a tuned study's runs at all levels what a report asks
    of them; the store has all of it for every run.
    """
    facts, address = data.facts, data.facts.get("tracking_uri", "")
    if address.startswith("sqlite:"):
        facts = facts | {"tracking_uri": f"sqlite:///{address.rpartition('/')[2]}"}
    shown = list(examples(data.study))
    trained = data.trained
    if data.study.tuned:
        trained = trained.assign(
            **dict.fromkeys(UNASKED, ""), seconds=trained["seconds"].round(MICROSECONDS)
        )
    figures = data.study.model.figures
    drawn = [figure.metric for figure in figures if isinstance(figure, CurveFigure)]
    curves = data.curves[data.curves["metric"].isin(drawn)]
    histograms = data.histograms[data.histograms["variant"].isin(shown)]
    weights = data.weights[data.weights["variant"].isin(shown)]
    most = MOST_NAMED if named(data.layers) else MOST_LAYERS
    layers, probes = (
        thinned(table, "layer", ["variant"], most) for table in (data.layers, data.probes)
    )
    return replace(
        data, facts=facts, trained=trained,
        curves=curves.reset_index(drop=True), layers=layers.reset_index(drop=True),
        probes=probes.reset_index(drop=True), histograms=histograms.reset_index(drop=True),
        weights=weights.reset_index(drop=True),
    )  # fmt: skip


def without_local_links(data: StudyData) -> StudyData:
    """The data for readers elsewhere: without links into a store that only this machine has."""
    if data.facts.get("tracking_uri", "").startswith(("http://", "https://")):
        return data
    facts = {name: text for name, text in data.facts.items() if name != "experiment_id"}
    return replace(data, facts=facts)
