"""For notebooks: all that a study measured, as one tidy frame."""

from typing import TYPE_CHECKING, Any

from harness.responses import RESPONSES

if TYPE_CHECKING:
    import pandas as pd

    from harness.analysis.frames import StudyData


def tidy(study: str, uri: str | None = None, **chosen: Any) -> "pd.DataFrame":
    """Every response of every run of a study in the store, in long form.

    Args:
        study: its name.
        uri: MLflow tracking URI; default: MLFLOW_TRACKING_URI, or mlflow.db in this directory.
        chosen: steps, seeds, data_digest, as `read_study` takes them.

    Returns:
        One row a run and response: the factors' levels (text), variant, seed, outcome, run_id,
        response, value as measured (not capped; NaN where the run has none).

    Raises:
        UserError: there is no such study in the store.
        Unreachable: the store does not answer.
    """
    from harness.tracking.reading import read_study

    return long(read_study(uri, study, **chosen))


def long(data: "StudyData") -> "pd.DataFrame":
    """The same of a study that was read."""
    keys = list(dict.fromkeys([*data.study.factors, "variant", "seed", "outcome", "run_id"]))
    return data.runs.melt(keys, list(RESPONSES), var_name="response", value_name="value")
