from pathlib import Path

import harness.store

PAGE = Path(__file__).parents[2] / "docs" / "mlflow.md"


def test_the_page_on_mlflow_has_the_data_model_as_it_is():
    assert harness.store.__doc__ is not None
    model = harness.store.__doc__.partition("The data model, exactly:")[2].strip()
    assert model in PAGE.read_text(encoding="utf-8")
