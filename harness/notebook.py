"""For notebooks: all that a study measured, as one tidy frame."""

import os
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pandas as pd

    from harness.analysis.frames import StudyData


def tidy(study: str, uri: str | None = None, **chosen: Any) -> "pd.DataFrame":
    """Every response of every run of a study in the store, in long form.

    Args:
        study: its name.
        uri: MLflow tracking URI; default: MLFLOW_TRACKING_URI, or the mlflow.db of this directory
            or of one above it.
        chosen: steps, seeds, data_digest, as `harness.store.reading.read_study` takes them.

    Returns:
        One row a run and response: the factors' levels (text), variant, seed, outcome, run_id,
        response, value as measured (not capped; NaN where the run has none).

    Raises:
        UserError: there is no such study in the store.
        Unreachable: the store does not answer.
    """
    from harness.analysis.gather import gather
    from harness.store.reading import read_study
    from harness.store.store import Store

    store = Store.existing(uri or os.environ.get("MLFLOW_TRACKING_URI"))
    return long(gather(read_study(store, study, **chosen)))


def long(data: "StudyData") -> "pd.DataFrame":
    """The same of a study that was read."""
    keys = list(dict.fromkeys([*data.study.factors, "variant", "seed", "outcome", "run_id"]))
    responses = list(data.study.model.responses)
    return data.runs.melt(keys, responses, var_name="response", value_name="value")
