"""Reproduces and extends *Understanding Synthetic Gradients and Decoupled Neural Interfaces* (ICML 2017)."""

import os

# Sums in another order give other bits, so the number of threads is part of a result. One thread a process is also
# the fastest way to fill a machine with jobs. It must be set before numpy or torch is imported.
for _name in ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
    os.environ[_name] = "1"

# cuBLAS is deterministic only with a workspace of fixed size, and reads this when CUDA starts.
os.environ["CUBLAS_WORKSPACE_CONFIG"] = os.environ.get("CUBLAS_WORKSPACE_CONFIG") or ":4096:8"
