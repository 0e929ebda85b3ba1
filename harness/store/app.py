"""MLflow's server for `ablate ui`: pages large enough for a study, and stores that were moved.

MLflow's UI asks for 100 runs at a time, and groups, averages and draws those 100 only. This is
MLflow's own application, with that one number raised for its UI, which opens for experiments
(`opening.py`), and with artifacts read beside the database (`location.py`); `mlflow server
--app-name ablate` finds it by the entry point in pyproject.toml.
"""

from mlflow.server import app as flask_app
from mlflow.server.fastapi_app import app

from harness.store.location import follow_databases
from harness.store.opening import open_for_experiments
from harness.store.pages import with_larger_pages
from harness.store.server import end_with_owner

__all__ = ["app"]

end_with_owner()
follow_databases()
open_for_experiments(flask_app)
flask_app.wsgi_app = with_larger_pages(flask_app.wsgi_app)  # type: ignore[assignment, method-assign]
