"""Seconds spent compiling and running, told apart."""

import threading
import time
from typing import Any

import jax

_COMPILING = (
    "/jax/core/compile/jaxpr_trace_duration",
    "/jax/core/compile/jaxpr_to_mlir_module_duration",
    "/jax/core/compile/backend_compile_duration",
)


class _Total(threading.local):
    """What this thread has compiled for so far: others compile beside it."""

    compiling = 0.0


_total = _Total()


def _listen(event: str, duration_secs: float, **kwargs: Any) -> None:
    del kwargs
    if event in _COMPILING:
        _total.compiling += duration_secs


jax.monitoring.register_event_duration_secs_listener(_listen)


class Clock:
    """A stopwatch for one thread: seconds since its creation, those of its own tracing and compiling told apart."""

    def __init__(self) -> None:
        self._start, self._compiled = time.perf_counter(), _total.compiling

    def seconds(self) -> dict[str, float]:
        """``{"compile": ..., "run": ...}`` in seconds."""
        compiling = _total.compiling - self._compiled
        return {"compile": compiling, "run": max(time.perf_counter() - self._start - compiling, 0.0)}
