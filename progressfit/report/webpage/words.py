"""Numbers and growth in words, the same way throughout a page."""

import math

import numpy as np

from progressfit.growth import chance, doubling_interval, doubling_time, duration

LN10 = math.log(10.0)


def number(value: float) -> str:
    """Four significant digits; whole numbers as they are; large and small ones by their power of ten."""
    if not math.isfinite(value):
        return "-"
    if float(value).is_integer() and abs(value) < 1e6:
        return f"{int(value)}"
    return f"{value:.4g}"


def factor(rate: float) -> str:
    """A yearly factor from a rate in natural log units a year."""
    with np.errstate(over="ignore"):
        found = float(np.exp(rate))
    return f"{found:.2f}x" if 0.1 <= found < 100 else f"{found:.3g}x"


def magnitudes(rate: float) -> str:
    """A rate in orders of magnitude a year."""
    return f"{rate / LN10:.2f}"


def time_words(rate: float) -> str:
    """How long a doubling takes at one rate."""
    if not math.isfinite(rate):
        return "not defined"
    return duration(float(doubling_time(rate))) if rate > 0 else "no progress"


def interval_sentence(low: float, high: float, level: float, kind: str, not_positive: float, draws: int) -> str:
    """An interval of the growth rate as a statement on factors, orders of magnitude and doubling times."""
    times, decades = doubling_interval(low, high).text, f"{magnitudes(low)} to {magnitudes(high)}"
    return (
        f"{level:.0%} interval, {kind}: {factor(low)} to {factor(high)} a year ({decades} orders of magnitude); "
        f"doubling time {times}; probability that the rate is not positive {chance(not_positive, draws)}."
    )


def listed(words: list[str]) -> str:
    """Words as a list in a sentence."""
    return " and ".join([", ".join(words[:-1]), words[-1]]) if len(words) > 1 else "".join(words)
