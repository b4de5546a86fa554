"""Numbers as people write them: thousands separators, k/M/B/T, powers of ten, "~"; nothing with two meanings."""

import math
import re
from typing import Final, NamedTuple


class CellError(ValueError):
    """A cell cannot be used; the message goes on after "Column 'x' " and says what the cell holds."""


class Number(NamedTuple):
    """A number read from a cell.

    Attributes
    ----------
    value
        The number; for a percentage the fraction.
    percent
        Whether it was written with a per cent sign.
    remark
        What the reading rests on, if on anything; empty otherwise.
    """

    value: float
    percent: bool = False
    remark: str = ""


MISSING: Final = frozenset(
    {
        "",
        "na",
        "n/a",
        "n.a.",
        "nan",
        "none",
        "null",
        "nil",
        "-",
        "--",
        "\u2013",
        "\u2014",
        "?",
        "unknown",
        "tbd",
        "not reported",
    }
)
"""What people write, in lower case, where they have no value."""

_LONGEST = 100
_SUFFIXES = {"k": 1e3, "thousand": 1e3, "m": 1e6, "million": 1e6, "b": 1e9, "bn": 1e9, "billion": 1e9}
_SUFFIXES |= {"t": 1e12, "tn": 1e12, "trillion": 1e12}
_SUPERSCRIPTS = str.maketrans("⁰¹²³⁴⁵⁶⁷⁸⁹⁺⁻", "0123456789+-")
# Minus sign; signs of multiplication; spaces that keep a number together.
_ALIKE = {"\u2212": "-", "\u00d7": "x", "\u00b7": "x", "\u2219": "x", "\u22c5": "x"}
_ALIKE |= {"\u00a0": " ", "\u2009": " ", "\u202f": " "}
_MARKS = str.maketrans(_ALIKE)
_RAISED = re.compile(r"10([⁰¹²³⁴⁵⁶⁷⁸⁹⁺⁻]+)$")
_APPROXIMATE = re.compile(r"^(?:~|≈|ca\.?|circa|approx\.?|about)\s*", re.IGNORECASE)
_UNIT = re.compile(
    r"(?<=[\d\s.kmbt])(flops?|tokens?|params?|parameters?|images?|datapoints?|gradients?)$", re.IGNORECASE
)
_PLAIN = re.compile(r"[+-]?(?:\d+\.?\d*|\.\d+)(?:e[+-]?\d{1,6})?", re.IGNORECASE | re.ASCII)
_GROUPED = re.compile(r"[+-]?[1-9]\d{0,2}(?:,\d{3})+(?:\.\d+)?|[+-]?[1-9]\d{0,2}(?: \d{3})+(?:\.\d+)?", re.ASCII)
_POWER = re.compile(r"(?:([+-]?\d+(?:\.\d+)?)\s*[x*]\s*)?10\s*(?:\^|\*\*)\s*([+-]?\d{1,4})", re.IGNORECASE | re.ASCII)
_SUFFIXED = re.compile(rf"([+-]?\d[\d,.]*)\s*({'|'.join(_SUFFIXES)})", re.IGNORECASE | re.ASCII)


def read_number(text: str, units: frozenset[str] = frozenset()) -> Number | None:
    """One cell as a number, or ``None`` where people write that there is no value.

    Parameters
    ----------
    text
        The cell.
    units
        Words that may follow the number because they are its natural unit: "tokens", "FLOP".

    Raises
    ------
    CellError
        If the cell is no number, could be more than one, or is too large for one.
    """
    text = text.strip()
    if text.lower() in MISSING:
        return None
    if len(text) > _LONGEST:
        raise CellError(f"holds text of {len(text):,} characters, which is no number")
    body = _APPROXIMATE.sub("", text)
    remarks = [f"holds '{text}', taken as exact"] if body != text else []
    body = _without_unit(_RAISED.sub(_lowered, body).translate(_MARKS), units, text)
    percent = body.endswith("%")
    value, remark = _value(body.removesuffix("%").strip(), text)
    if not math.isfinite(value):
        raise CellError(f"holds '{text}', which is too large for a number; no such quantity exists")
    remarks += [remark] if remark else []
    return Number(value / 100 if percent else value, percent, "; ".join(remarks))


def _lowered(found: re.Match[str]) -> str:
    return "10^" + found[1].translate(_SUPERSCRIPTS)


def _without_unit(body: str, units: frozenset[str], text: str) -> str:
    found = _UNIT.search(body)
    if found is None:
        return body
    word = found[1].lower()
    if word not in units and word.removesuffix("s") not in {unit.removesuffix("s") for unit in units}:
        raise CellError(f"holds '{text}', a number of {word}, which is not the unit of this column")
    return body[: found.start()].strip()


def _value(body: str, text: str) -> tuple[float, str]:
    if _PLAIN.fullmatch(body):
        return float(body), ""
    if _GROUPED.fullmatch(body):
        value = float(body.replace(",", "").replace(" ", ""))
        return value, f"holds '{text}', read as {value:.0f}" if body.count(",") == 1 and "." not in body else ""
    power = _POWER.fullmatch(body)
    if power:
        return float(power[1] or 1) * _ten_to(int(power[2])), ""
    suffixed = _SUFFIXED.fullmatch(body)
    if suffixed and (_PLAIN.fullmatch(suffixed[1]) or _GROUPED.fullmatch(suffixed[1])):
        # Through the decimal exponent, so that 1.4T is the double nearest to 1.4e12.
        digits = suffixed[1].replace(",", "")
        return float(f"{digits}e{round(math.log10(_SUFFIXES[suffixed[2].lower()]))}"), ""
    raise CellError(_refusal(body, text))


def _ten_to(power: int) -> float:
    return float(f"1e{power}")


def _refusal(body: str, text: str) -> str:
    if re.fullmatch(r"[+-]?\d+,\d+", body):
        return f"holds '{text}', whose comma may be a decimal mark; write a point, without separators of thousands"
    if re.match(r"[<>≤≥]\s*[\d.]", body):
        return (
            f"holds '{text}', a bound and not a number; write the best estimate, and the bound in a column of its own"
        )
    if re.fullmatch(r"[\d.]+(?:e[+-]?\d+)?\s*(?:-|\u2013|\u2014|to)\s*[\d.]+.*", body, re.IGNORECASE):
        return f"holds '{text}', a range and not a number; write one number"
    return f"holds '{text}', which is no number"
