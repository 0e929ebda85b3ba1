"""The wheel: it holds the package as `ablation_harness`, so that a project may have a `harness`.

Everything else about the build is in pyproject.toml. A clone, and `pip install -e` of it, keep the
name of the folder.
"""

import re
from pathlib import Path
from typing import Any

from setuptools import setup
from setuptools.command.bdist_wheel import bdist_wheel

FOLDER, INSTALLED = "harness", "ablation_harness"
IMPORTED = re.compile(rf"(?<![\w./-]){FOLDER}(?=\.[a-z_])|(?<=import ){FOLDER}\b(?!\.)")


class RenamedWheel(bdist_wheel):
    """A wheel in which the package, and every import of it, has the other name."""

    def write_wheelfile(self, wheelfile_base: str, *options: Any) -> None:
        """Rename what goes into the archive; nothing of the package goes into an editable one."""
        super().write_wheelfile(wheelfile_base, *options)
        package = Path(self.bdist_dir) / FOLDER
        if package.is_dir():
            renamed = package.rename(package.with_name(INSTALLED))
            for file in (*renamed.rglob("*.py"), Path(wheelfile_base) / "entry_points.txt"):
                text = file.read_text(encoding="utf-8")
                file.write_text(IMPORTED.sub(INSTALLED, text), encoding="utf-8")


setup(cmdclass={"bdist_wheel": RenamedWheel})
