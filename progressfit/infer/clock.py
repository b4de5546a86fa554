"""Seconds spent compiling and running, told apart."""

import time
from typing import Any

import jax

_COMPILING = (
    "/jax/core/compile/jaxpr_trace_duration",
    "/jax/core/compile/jaxpr_to_mlir_module_duration",
    "/jax/core/compile/backend_compile_duration",
)
_total = {"compile": 0.0}


def _listen(event: str, duration_secs: float, **kwargs: Any) -> None:
    del kwargs
    if event in _COMPILING:
        _total["compile"] += duration_secs


jax.monitoring.register_event_duration_secs_listener(_listen)


class Clock:
    """A stopwatch: seconds since its creation, split into tracing and compiling, and everything else."""

    def __init__(self) -> None:
        self._start, self._compiled = time.perf_counter(), _total["compile"]

    def seconds(self) -> dict[str, float]:
        """``{"compile": ..., "run": ...}`` in seconds."""
        compiling = _total["compile"] - self._compiled
        return {"compile": compiling, "run": max(time.perf_counter() - self._start - compiling, 0.0)}
