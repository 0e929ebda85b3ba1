"""Other processors, emulated by what the libraries and the compiler are told of this one."""

import os
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from llvmlite.binding import get_host_cpu_features

ROOT = Path(__file__).parents[2]
CHOICES = ("ABLATE_DATA", "MLFLOW_TRACKING_URI")  # of whoever runs the tests


@dataclass(frozen=True)
class Machine:
    """A processor.

    Attributes:
        needs: what this machine must have to compute as that one.
        without: how the names of features begin that it lacks; see `emulated`.
        settings: environment variables that OpenBLAS, numba, torch, MKL, glibc and NumPy read when
            they are loaded.
    """

    needs: tuple[str, ...] = ()
    without: tuple[str, ...] = ()
    settings: Mapping[str, str] = field(default_factory=dict)

    def is_possible(self) -> bool:
        """Whether this machine can compute as that one."""
        here = get_host_cpu_features()
        return all(here.get(name) for name in self.needs)

    def run(self, folder: Path, *program: str) -> str:
        """What a Python program prints that this processor runs in a folder."""
        kept = {name: value for name, value in os.environ.items() if name not in CHOICES}
        environment = {
            **kept, "PYTHONPATH": str(ROOT), "NUMBA_CACHE_DIR": str(folder / "numba"),
            "WITHOUT": ",".join(self.without), **self.settings,
        }  # fmt: skip
        done = subprocess.run([sys.executable, *program], cwd=folder, env=environment, text=True,
                              capture_output=True, timeout=600)  # fmt: skip
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout


MACHINES = {
    "native": Machine(),
    "avx512_amd": Machine(
        ("avx512f",), (), {"NUMBA_CPU_NAME": "znver5", "NUMBA_CPU_FEATURES": ""}
    ),
    "haswell": Machine(
        ("avx2", "fma"), ("avx512",),
        {
            "NUMBA_CPU_NAME": "haswell", "NUMBA_CPU_FEATURES": "", "OPENBLAS_CORETYPE": "Haswell",
            "ATEN_CPU_CAPABILITY": "avx2", "MKL_ENABLE_INSTRUCTIONS": "AVX2",
            "GLIBC_TUNABLES": "glibc.cpu.hwcaps=-AVX512F,-AVX512VL,-AVX512BW,-AVX512DQ",
            "NPY_DISABLE_CPU_FEATURES": "X86_V4 AVX512_ICL AVX512_SPR",
        },
    ),
    "sse2": Machine(
        ("sse4.2",), ("avx", "fma"),
        {
            "NUMBA_CPU_NAME": "x86-64", "NUMBA_CPU_FEATURES": "", "OPENBLAS_CORETYPE": "Nehalem",
            "ATEN_CPU_CAPABILITY": "default", "MKL_ENABLE_INSTRUCTIONS": "SSE4_2",
            "GLIBC_TUNABLES": "glibc.cpu.hwcaps=-AVX512F,-AVX2,-AVX,-FMA,-FMA4",
            "NPY_DISABLE_CPU_FEATURES": "AVX512_ICL AVX512_SPR X86_V4 X86_V3",
        },
    ),
}  # fmt: skip
