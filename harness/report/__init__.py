"""The report: figures, tables and text from a study's tidy tables, and from nothing else."""

from harness.report.build import DEFAULT_FORMATS, FORMATS, Built, build, unchanged

__all__ = ["DEFAULT_FORMATS", "FORMATS", "Built", "build", "unchanged"]
