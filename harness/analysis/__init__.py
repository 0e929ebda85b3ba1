"""From tidy frames to answers: contrasts, verdicts, checks. No torch and no MLflow in here."""
