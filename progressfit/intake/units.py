"""Units: decimal logarithms, per cent, bits and perplexities become those of the laws, and a sentence says so."""

import re
from typing import Final, NamedTuple

import numpy as np

from progressfit.intake.recognise import says_log10
from progressfit.printable import excerpt

RESPONSE_UNITS: Final = ("fraction", "percent", "nats", "bits", "perplexity")
INPUT_UNITS: Final = ("natural", "log10")
COMPUTE: Final = "compute"
# Training runs lie between 1e5 and 1e40 FLOP, and so do their logarithms between these; no run takes 40 FLOP.
LEAST_LOG10, MOST_LOG10 = 5.0, 40.0
# A unit is that of nearly all cells: a few dirty ones must not change how the others are read.
_NEARLY_ALL: Final = 0.9
_LOSS = re.compile(r"loss|perplexity|ppl|nats|bits|bpb|bpc|entropy", re.IGNORECASE)


class Scaled(NamedTuple):
    """Values in the units of the law, shape ``(n,)``, and what was done to them; empty where nothing was."""

    values: np.ndarray
    sentence: str


def scale_input(name: str, column: str, values: np.ndarray, unit: str | None) -> Scaled:
    """An input in natural units; decimal logarithms are recognised by the column's name, for compute by the values.

    ``unit`` is one of :data:`INPUT_UNITS` where the user said so. Values that are missing are NaN and stay so.
    """
    known = values[np.isfinite(values)]
    if unit is None:
        inside = known[(known >= LEAST_LOG10) & (known <= MOST_LOG10)]
        whole = name == COMPUTE and len(known) > 0 and len(inside) >= _NEARLY_ALL * len(known)
        if not (whole or says_log10(column)):
            return Scaled(values, "")
        share = "all its values" if len(inside) == len(known) else f"{len(inside)} of its {len(known)} values"
        why = f"{share} lie between {inside.min():.3g} and {inside.max():.3g}" if whole else "its name says so"
        how = f"log10 ({why}; --input-unit {name}=natural says otherwise)"
    elif unit == "natural":
        return Scaled(values, "")
    else:
        how = "log10, as asked for"
    with np.errstate(over="ignore"):
        raised = np.power(10.0, values)
    return Scaled(raised, f"'{name}' is 10 to the power of column '{excerpt(column)}', read as {how}")


def scale_response(
    column: str, values: np.ndarray, signed: np.ndarray, unit: str | None, fractional: bool | None
) -> Scaled:
    """A response as a fraction or in nats.

    Parameters
    ----------
    column, values
        The column and its values ``(n,)``; missing ones are NaN and stay so.
    signed
        Cells written with a per cent sign ``(n,)``; these are fractions already.
    unit
        One of :data:`RESPONSE_UNITS` where the user said so.
    fractional
        Whether the law's link takes fractions; ``None`` where there is no law.
    """
    chosen = unit or _unit_of(column, values[np.isfinite(values) & ~signed], fractional)
    said = ", as asked for" if unit else "; --response-unit says otherwise"
    shown = excerpt(column)
    if chosen == "percent":
        return Scaled(np.where(signed, values, values / 100), f"column '{shown}' is in per cent: divided by 100{said}")
    if chosen == "bits":
        sentence = (
            f"column '{shown}' is in bits: multiplied by ln 2, which gives nats (per byte or token as before){said}"
        )
        return Scaled(values * np.log(2), sentence)
    if chosen == "perplexity":
        with np.errstate(divide="ignore", invalid="ignore"):
            logs = np.log(values)
        return Scaled(logs, f"column '{shown}' is a perplexity: its natural logarithm is fitted, in nats{said}")
    return Scaled(values, "")


def _unit_of(column: str, known: np.ndarray, fractional: bool | None) -> str:
    name = column.lower()
    if fractional is False and re.search(r"perplexity|\bppl\b|_ppl\b|\bppl_", name):
        return "perplexity"
    if fractional is False and re.search(r"\bbits?\b|_bits?\b|\bbpb\b|\bbpc\b|bits_per|bitsper", name):
        return "bits"
    # Most values above 1 and hardly any above 100 (an error elsewhere): small ones are less than one per cent, and
    # doubted elsewhere.
    per_cent = len(known) > 0 and np.mean(known <= 100) >= _NEARLY_ALL and np.mean(known > 1) > 0.5
    if fractional and per_cent and not _LOSS.search(name):
        return "percent"
    return "nats"


def named_error(column: str) -> bool:
    """Whether the name says that a column holds errors, not accuracies."""
    return bool(re.search(r"error", column, re.IGNORECASE))
