"""The answer in words, before anything else."""

import numpy as np

from progressfit.growth import chance, doubling_interval
from progressfit.infer.describe import refits_warnings
from progressfit.report.webpage.allocation import split_tiles
from progressfit.report.webpage.case import Case, NoRate
from progressfit.report.webpage.content import Block, Tile
from progressfit.report.webpage.words import factor, interval_sentence, magnitudes, time_words

NAME, TITLE = "answer", "The answer"


def answer(case: Case, said: tuple[str, ...] = ()) -> Block:
    """Growth a year, factor a year and doubling time with intervals; or, without a date, how close the law comes.

    ``said`` are the sentences of a study, which take the place of those made here.
    """
    if isinstance(case.rate, NoRate):
        return Block(
            NAME, TITLE, (*(said or (_closeness(case),)), case.rate.why, *case.refused), tiles=split_tiles(case)
        )
    if not case.quotable:
        why = f"The data do not determine the growth of {case.rate.words}, so no number is quoted for it."
        return Block(NAME, TITLE, (*said, why, _closeness(case)))
    return Block(NAME, TITLE, (*(said or (*_growth(case), _judged(case))), *_doubts(case)), tiles=_tiles(case))


def ends(rates: np.ndarray, level: float) -> tuple[float, float]:
    """The central interval of rates ``(draws,)``; NaN without any."""
    if not len(rates):
        return np.nan, np.nan
    low, high = np.quantile(rates, [(1 - level) / 2, (1 + level) / 2])
    return float(low), float(high)


def _growth(case: Case) -> tuple[str, ...]:
    rate, words = case.best_rate, getattr(case.rate, "words", "")
    head = words[:1].upper() + words[1:]
    if rate > 0:
        first = (
            f"{head} grew {factor(rate)} a year at the best fit ({magnitudes(rate)} orders of magnitude a year): it "
            f"doubled every {time_words(rate)}."
        )
    else:
        first = f"{head} did not grow at the best fit ({factor(rate)} a year, {magnitudes(rate)} orders of magnitude)."
    lines = [
        interval_sentence(*ends(rates, case.level), case.level, draws.kind, float(np.mean(rates <= 0)), len(rates))
        for draws, rates in zip(case.draws, case.rates, strict=True)
        if len(rates)
    ]
    return (first, *lines)


def _judged(case: Case) -> str:
    whole = case.fit.certificate.identification.verdict
    return f"Judged on the likelihood alone this growth rate is {case.verdict}, the parameters as a whole {whole}."


def _doubts(case: Case) -> tuple[str, ...]:
    none = () if case.draws else ("There are no draws, hence no intervals: ask for a bootstrap or a posterior.",)
    narrow = dict.fromkeys(sentence for draws in case.draws for sentence in refits_warnings(draws))
    return (*case.refused, *none, *narrow)


def _tiles(case: Case) -> tuple[Tile, ...]:
    rate, words = case.best_rate, getattr(case.rate, "words", "")
    low, high = ends(case.rates[0], case.level) if case.rates else (np.nan, np.nan)
    known = bool(np.isfinite([low, high]).all())
    kind = f"{case.level:.0%}, {case.draws[0].kind}" if known else ""
    return (
        Tile(
            f"Growth of {words}, orders of magnitude a year",
            magnitudes(rate),
            f"{magnitudes(low)} to {magnitudes(high)} ({kind})" if known else "no interval",
        ),
        Tile(
            "The same as a factor a year", factor(rate), f"{factor(low)} to {factor(high)}" if known else "no interval"
        ),
        Tile("Doubling time", time_words(rate), doubling_interval(low, high).text if known else "no interval"),
        *_doubt(case),
    )


def _doubt(case: Case) -> tuple[Tile, ...]:
    if not case.rates or not len(case.rates[0]):
        return ()
    draws, rates = case.draws[0], case.rates[0]
    span = f"{draws.kind}, {len(rates)} of {len(draws)} draws"
    return (Tile("Probability that the rate is not positive", chance(float(np.mean(rates <= 0)), len(rates)), span),)


def _closeness(case: Case) -> str:
    left = np.abs(case.observed - case.fitted)[case.used]
    return (
        f"Observed and fitted {case.data.labels.response} differ by {np.median(left):.3g} in the middle of "
        f"{int(case.used.sum())} rows and by {np.max(left):.3g} at most."
    )
