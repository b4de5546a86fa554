"""What a section of doubts is given, and what it hands back."""

import dataclasses
import functools
import zlib
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import jax
import numpy as np

from progressfit.growth import doubling_interval, doubling_time, duration
from progressfit.infer.optimise import check_key, fit
from progressfit.infer.result import Draws, Fit
from progressfit.infer.sample import sample
from progressfit.params import improper
from progressfit.studies.base import Say, Subject

if TYPE_CHECKING:
    from matplotlib.figure import Figure

TELLING = 1.92
"""Difference of log likelihood that one parameter makes in 1 of 20 tables: half the 95% point of chi-squared."""
_DRAWS, _QUICK_DRAWS = 2000, 1000

Rows = Sequence[Mapping[str, Any]]
"""A table: one mapping of column to plain value (number, text, ``None``) a row."""


@dataclasses.dataclass(frozen=True)
class Question:
    """An answer and everything a section may need to doubt it.

    Attributes
    ----------
    subject
        Law, table, the derived quantity, and what only a study knows (other columns, known errors).
    point
        The certified fit of it.
    key
        A JAX random key; a section takes its own with :meth:`key_for`.
    quick
        Fewer replicates and draws.
    say
        Told what is going on.
    """

    subject: Subject
    point: Fit
    key: jax.Array
    quick: bool = False
    say: Say = lambda text: None

    @functools.cached_property
    def value(self) -> float:
        """The answer at the best fit, in ``subject.unit``."""
        return float(self.point.map(self.subject.of))

    @functools.cached_property
    def posterior(self) -> Draws:
        """Draws of the posterior, made once for all sections that ask.

        Raises
        ------
        ValueError
            If a prior is flat; see :attr:`has_posterior`.
        """
        self.say("posterior: no-U-turn chains from every optimum and from the prior")
        draws = _QUICK_DRAWS if self.quick else _DRAWS
        return sample(
            self.subject.spec, self.subject.data, key=self.key_for("posterior"), draws=draws, point=self.point
        )

    @property
    def has_posterior(self) -> bool:
        """Whether every prior is proper."""
        return not improper(self.subject.spec)

    def key_for(self, name: str) -> jax.Array:
        """The random key of a section: it does not depend on which other sections run."""
        return jax.random.fold_in(self.key, zlib.crc32(name.encode()))

    def count(self, full: int) -> int:
        """A number of replicates: a tenth of it when in a hurry."""
        return max(full // 10, 10) if self.quick else full


@dataclasses.dataclass(frozen=True)
class Section:
    """What one doubt came to.

    Attributes
    ----------
    name, title
        Of the section; the name begins the names of its files.
    sentences
        Complete sentences with the numbers in them, the most important first.
    tables
        By name; written as ``SECTION-NAME.csv``.
    pictures
        By name: a function that draws on an empty figure; written as ``SECTION-NAME.png``.
    doubt
        Why the section is not certified; ``None`` if it is.
    """

    name: str
    title: str
    sentences: tuple[str, ...]
    tables: Mapping[str, Rows] = dataclasses.field(default_factory=dict)
    pictures: Mapping[str, Callable[["Figure"], None]] = dataclasses.field(default_factory=dict)
    doubt: str | None = None


def ask(subject: Subject, *, key: jax.Array, quick: bool = False, say: Say = lambda text: None) -> Question:
    """Fit a subject and make a question of it; see :class:`Question`."""
    key = check_key(key)
    say(f"fit: {len(subject.data)} rows, {subject.starts} starts")
    point = fit(subject.spec, subject.data, key=jax.random.fold_in(key, 0), starts=subject.starts)
    return Question(subject, point, key, quick, say)


def rate_words(rate: float) -> str:
    """A growth rate in words: natural log units a year, the factor a year, and the doubling time, if it has one."""
    if not np.isfinite(rate):
        return "not defined"
    with np.errstate(over="ignore"):
        factor = f"{rate:.3g} a year ({np.exp(rate):.3g}x"
    return factor + (f", doubling every {duration(float(doubling_time(rate)))})" if rate > 0 else ", no progress)")


def interval_words(low: float, high: float, level: float, kind: str) -> str:
    """An interval of a growth rate in words, with the doubling times that it allows."""
    return f"{level:.0%} interval [{low:.3g}, {high:.3g}] ({kind}), doubling time {doubling_interval(low, high).text}"


def row_names(question: Question) -> tuple[str, ...]:
    """Names of the rows of the table, or their numbers."""
    return question.subject.data.row_names
