"""What the fit card says of a ``progressfit fit``: its settings in words."""

from collections.abc import Mapping
from typing import Any

from progressfit.report.webpage.card import LEFT_OUT

_MOST = 40
_NOTHING = (None, "", {}, ())
_SAID_OTHERWISE = ("dropped", "rows_looked_at")


def card_facts(law: str, settings: Mapping[str, Any]) -> dict[str, str]:
    """Facts for the card, by what they are: the law, every setting that was made, and the rows that were left out."""
    said = {name: value for name, value in settings.items() if value not in _NOTHING and name not in _SAID_OTHERWISE}
    facts = {name.capitalize(): _words(value) for name, value in said.items()}
    return {"Law": law, **facts, LEFT_OUT: _left_out(settings)}


def _words(value: Any) -> str:
    if isinstance(value, Mapping):
        return ", ".join(f"{name}: {one}" for name, one in value.items())
    return "; ".join(map(str, value)) if isinstance(value, list | tuple) else str(value)


def _left_out(settings: Mapping[str, Any]) -> str:
    """How many rows of the table never reached the fit, and which cells were the reason."""
    cells = settings.get("dropped", ())
    count, total = len({cell["row"] for cell in cells}), settings.get("rows_looked_at")
    of = "" if total is None else f" of {total}"
    if not count:
        return f"none{of}"
    listed = "; ".join(f"{cell['row']}: '{cell['column']}' {cell['problem']}" for cell in cells[:_MOST])
    more = f"; and {len(cells) - _MOST} more cells" if len(cells) > _MOST else ""
    return f"{count}{of} (--lenient), by line of the file: {listed}{more}"
