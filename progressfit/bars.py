"""Progress bars on standard error for work that takes longer than a second."""

import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, cast

from progressfit.infer.watch import watched_by

if TYPE_CHECKING:
    from rich.progress import Progress, TaskID

_PATIENCE = 1.0
"""Seconds after which work is worth a bar."""


class _Bars:
    """Tells rich; each bar appears once its work has lasted a while, and goes when the work ends."""

    def __init__(self, progress: "Progress", patience: float):
        self._progress, self._patience = progress, patience
        self._timers: dict[int, threading.Timer] = {}

    def begin(self, what: str, total: int | None) -> int:
        task = self._progress.add_task(what, total=total, visible=False)
        timer = threading.Timer(self._patience, self._show, [task])
        timer.daemon = True
        self._timers[int(task)] = timer
        timer.start()
        return int(task)

    def _show(self, task: "TaskID") -> None:
        if int(task) in self._timers:
            self._progress.update(task, visible=True)

    def advance(self, ticket: int, parts: int) -> None:
        self._progress.advance(cast("TaskID", ticket), parts)

    def end(self, ticket: int) -> None:
        timer = self._timers.pop(ticket, None)
        if timer is not None:
            timer.cancel()
        self._progress.remove_task(cast("TaskID", ticket))


@contextmanager
def progress_bars(patience: float = _PATIENCE, force: bool = False) -> Iterator[None]:
    """Within the block, whatever takes longer than a second shows how far it is, on standard error.

    Parameters
    ----------
    patience
        Seconds before a bar appears.
    force
        Draw bars even where standard error is not a terminal; nothing is drawn there otherwise.
    """
    if not (force or sys.stderr.isatty()):
        yield
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

    columns = (SpinnerColumn(), TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn())
    console = Console(stderr=True, force_terminal=True if force else None, markup=False)
    # Standard output is left alone: it belongs to the answer.
    with (
        Progress(*columns, TimeElapsedColumn(), console=console, transient=True, redirect_stdout=False) as progress,
        watched_by(_Bars(progress, patience)),
    ):
        yield
