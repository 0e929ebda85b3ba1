"""How MLflow's UI opens in a browser that has not chosen yet: for experiments, not for chats.

By itself, it opens in its layout for language models, whatever the kind of the experiment, and with
the panel of its assistant, which hides a quarter of the page. It keeps both in the browser; what a
person has chosen there stays.
"""

import json

from flask import Flask, Response, request

CHOSEN = {
    "mlflow.workflowType_v1": "machine_learning",
    "mlflow.assistant.fab.autoOpenedOnFirstLoad_v1": True,
}
SCRIPT = f"""<script>
for (const [key, value] of Object.entries({json.dumps(CHOSEN)}))
  if (localStorage.getItem(key) === null) localStorage.setItem(key, JSON.stringify(value));
</script>"""


def open_for_experiments(app: Flask) -> None:
    """Have the first page of MLflow's UI choose before its own scripts look."""

    @app.after_request
    def choose(response: Response) -> Response:
        if request.path == "/" and response.mimetype == "text/html" and response.status_code == 200:
            response.direct_passthrough = False  # of a file that would be sent as it is
            page = response.get_data(as_text=True)
            response.set_data(page.replace("<head>", f"<head>{SCRIPT}", 1))
            response.add_etag(overwrite=True)
        return response
