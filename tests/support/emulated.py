"""Runs a module on an emulated processor: `python -m tests.support.emulated MODULE`.

The harness asks the processor how wide its registers are, and numba which features it has. Here the
answer leaves out what the emulated one lacks: features whose names begin as WITHOUT says.
"""

import os
import runpy
import sys
from typing import Any

import llvmlite.binding as llvm

if __name__ == "__main__":
    lacking = tuple(filter(None, os.environ.get("WITHOUT", "").split(",")))
    features: Any = llvm.get_host_cpu_features()
    for name in [name for name in features if lacking and name.startswith(lacking)]:
        features[name] = False
    llvm.get_host_cpu_features = lambda: features
    runpy.run_module(sys.argv[1], run_name="__main__")
