"""Long work tells whoever watches how far it is. Nobody watches unless asked: see :func:`progressfit.progress_bars`."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Protocol


class Watcher(Protocol):
    """Told when work begins, goes on and ends; ``total`` is ``None`` for work that cannot say how far it is."""

    def begin(self, what: str, total: int | None) -> int:
        """Work of so many parts begins; returns a ticket for it."""
        ...

    def advance(self, ticket: int, parts: int) -> None:
        """So many more parts are done."""
        ...

    def end(self, ticket: int) -> None:
        """The work is over, done or not."""
        ...


_watcher: ContextVar[Watcher | None] = ContextVar("watcher", default=None)


@contextmanager
def watched_by(watcher: Watcher | None) -> Iterator[None]:
    """Within the block, work tells this watcher."""
    before = _watcher.set(watcher)
    try:
        yield
    finally:
        _watcher.reset(before)


def watcher() -> Watcher | None:
    """Whoever watches, if anybody does."""
    return _watcher.get()


@contextmanager
def activity(what: str, total: int | None = None) -> Iterator[Callable[[int], None]]:
    """A piece of work, in the block; what it yields is called with the number of parts that were just done."""
    watcher = _watcher.get()
    if watcher is None:
        yield lambda parts: None
        return
    ticket = watcher.begin(what, total)
    try:
        yield lambda parts: watcher.advance(ticket, parts)
    finally:
        watcher.end(ticket)
