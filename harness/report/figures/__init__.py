"""The figures that every study has, one a file: each binds `FIGURE`, a `Drawing`.

Adding such a figure is adding a file here. Figures of what only one subject measures are declared
by the subject and drawn by `harness.report.declared`.
"""

import pkgutil
from importlib import import_module

from harness.report.declared import declared_drawing
from harness.report.drawing import Drawing
from harness.study.study import Study


def drawings(study: Study) -> list[Drawing]:
    """All figures of a study's report, those of a section as they are to stand in it."""
    names = sorted(module.name for module in pkgutil.iter_modules(__path__))
    general: list[Drawing] = [import_module(f"{__name__}.{name}").FIGURE for name in names]
    return [*general, *map(declared_drawing, study.model.figures)]
