"""Ctrl-C that is not lost: an interrupt that some callback swallowed is raised again at the next report of progress."""

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

from progressfit.infer.watch import Watcher, watched_by, watcher


class _Stoppable:
    """Passes reports on to another watcher, if there is one; after an interrupt, raises at the next of them."""

    def __init__(self, inner: Watcher | None):
        self._inner = inner
        self.asked = False

    def stop(self, signum: int, frame: FrameType | None) -> None:
        """The handler of the signal: remember, and raise where the program stands."""
        del signum, frame
        self.asked = True
        raise KeyboardInterrupt

    def check(self) -> None:
        if self.asked:
            raise KeyboardInterrupt

    def begin(self, what: str, total: int | None) -> int:
        self.check()
        return 0 if self._inner is None else self._inner.begin(what, total)

    def advance(self, ticket: int, parts: int) -> None:
        if self._inner is not None:
            self._inner.advance(ticket, parts)
        self.check()

    def end(self, ticket: int) -> None:
        if self._inner is not None:
            self._inner.end(ticket)


@contextmanager
def stoppable() -> Iterator[None]:
    """Within the block an interrupt ends the work, even if the first exception was swallowed where it was raised.

    Python drops exceptions in callbacks of its garbage collector, and JAX has one. Only the main thread hears signals;
    in others the block changes nothing.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    watching = _Stoppable(watcher())
    before = signal.signal(signal.SIGINT, watching.stop)
    try:
        with watched_by(watching):
            yield
        watching.check()
    finally:
        signal.signal(signal.SIGINT, before)
