"""The analysis runs where there is neither torch, numba nor MLflow."""

import subprocess
import sys
from pathlib import Path

import harness.analysis


def test_no_module_of_the_analysis_imports_torch_numba_or_mlflow() -> None:
    folder = Path(harness.analysis.__file__).parent
    names = sorted(f"harness.analysis.{path.stem}" for path in folder.glob("*.py"))
    heavy = {"torch", "numba", "mlflow"}
    code = f"import sys, {', '.join(names)}; print({heavy} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "set()\n"
