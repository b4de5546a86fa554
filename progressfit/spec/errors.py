"""What is wrong with a spec as text: one sentence, with the place in the file and the remedy."""

import difflib
from collections.abc import Iterable

_MOST_NAMES = 40
_SHOWN = 60


class SpecError(ValueError):
    """A spec cannot be read or written; the message names the place in the file and what to do."""


def at(path: str, key: str) -> str:
    """The place of a key below a place: ``mean.children`` and ``slope`` give ``mean.children.slope``."""
    return f"{path}.{shown(key)}" if path else shown(key)


def shown(found: object) -> str:
    """What was found, as it goes into a message: not a page of it, and on one line."""
    text = str(found) if isinstance(found, str) else repr(found)
    text = text.encode("unicode_escape").decode("ascii") if not text.isprintable() else text
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}..."


def unknown(place: str, what: str, name: str, known: Iterable[str]) -> SpecError:
    """The error for a name that is not one of the known ones: the nearest of them, and all."""
    known = list(known)
    near = difflib.get_close_matches(name[:_SHOWN], known, n=1, cutoff=0.5)
    hint = f" (did you mean '{near[0]}'?)" if near else ""
    listed = ", ".join(known[:_MOST_NAMES]) + (", ..." if len(known) > _MOST_NAMES else "")
    where = f"{place}: " if place else ""
    return SpecError(f"{where}there is no {what} '{shown(name)}'{hint}; there are: {listed or 'none'}")
