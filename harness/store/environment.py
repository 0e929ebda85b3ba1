"""MLflow's settings, some of which it reads when it is imported: import this module first."""

import logging
import os

TIMEOUT = 10  # seconds that one call to a server may take

SETTINGS = {
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "MLFLOW_TRUNCATE_LONG_VALUES": "false",  # an error is better than a value silently cut
    "MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT": "true",
    "MLFLOW_LOGGING_LEVEL": "ERROR",
    "MLFLOW_HTTP_REQUEST_TIMEOUT": str(TIMEOUT),
    # A POST that MLflow retries can create a second, ghost run. The tracker retries by itself.
    "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "0",
    # A project file in the current directory says nothing about what a model needs.
    "MLFLOW_UV_AUTO_DETECT": "false",
}

for name, value in SETTINGS.items():
    os.environ.setdefault(name, value)

# MLflow logs a database's errors with their traceback before it raises them.
logging.getLogger("mlflow.store.db.utils").setLevel(logging.CRITICAL)
logging.getLogger("alembic").setLevel(logging.ERROR)
