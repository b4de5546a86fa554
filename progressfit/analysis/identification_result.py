"""What the table says and what it leaves to the priors: verdicts, weak directions, and sentences about them."""

import dataclasses
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from progressfit.analysis.inputs import Inputs
from progressfit.frame import rows_frame
from progressfit.infer.identification import NOT_IDENTIFIED, WEAK, Identification
from progressfit.infer.profile_result import Profile
from progressfit.infer.result import Fit
from progressfit.params import improper, priors

if TYPE_CHECKING:
    import pandas as pd

IDENTIFIED, WEAKLY, PRIOR_ONLY, NOT_AT_ALL = "identified", "weakly", "prior only", "not at all"
VERDICTS = (IDENTIFIED, WEAKLY, PRIOR_ONLY, NOT_AT_ALL)
MUCH, LITTLE, NEAR = 0.9, 0.1, 0.5
"""Contraction from which a quantity counts as identified; and, for "prior only": largest contraction (and widening),
and largest distance of the posterior's centre from the prior's in prior standard deviations."""

PARAMETER, DERIVED = "parameter", "derived"
ITSELF, LOGARITHM, TRANSFORMED = "itself", "logarithm", "transformed"
_SHOWN, _STRONG, _APART = 0.25, 0.7, 0.3


def verdict_of(data_say: str, contraction: float, distance: float) -> str:
    """The verdict on one quantity.

    Parameters
    ----------
    data_say
        Of the likelihood alone: "identified", "weak", "not identified"; see :func:`progressfit.determined`.
    contraction
        1 - posterior variance / prior variance; NaN where there is no prior.
    distance
        Of the posterior's centre from the prior's, in prior standard deviations.
    """
    if data_say == "not identified":
        return NOT_AT_ALL
    if abs(contraction) < LITTLE and distance < NEAR:
        return PRIOR_ONLY
    return WEAKLY if data_say == "weak" or contraction < MUCH else IDENTIFIED


class Judged(NamedTuple):
    """What is known of one parameter (in its unconstrained coordinate) or derived quantity.

    Attributes
    ----------
    name, words, kind
        Path or name of the function, what it stands for, and "parameter" or "derived".
    coordinate
        What the numbers are of: the quantity "itself"; of a parameter with a bounded range its "logarithm" (a positive
        one), or another unconstrained coordinate ("transformed"; see :func:`progressfit.params.unconstrain`).
    value
        At the best fit.
    error, low, high
        Posterior standard deviation and 95% interval. Of a derived quantity from draws, whose variance need not exist,
        half the central 68% range.
    prior
        Prior standard deviation; of a derived quantity half the central 68% range of the prior.
    contraction
        ``1 - error^2 / prior^2``.
    likelihood_ratio
        Variance under the likelihood alone over that under the prior alone, to first order at the best fit.
    verdict
        "identified", "weakly", "prior only" or "not at all"; see :func:`verdict_of`.
    """

    name: str
    words: str
    kind: str
    coordinate: str
    value: float
    error: float
    low: float
    high: float
    prior: float
    contraction: float
    likelihood_ratio: float
    verdict: str


class Trade(NamedTuple):
    """Two parameters and the correlation of their estimates by the likelihood alone."""

    first: str
    second: str
    correlation: float
    trends: bool


@dataclasses.dataclass(frozen=True)
class Identifiability:
    """What a table says of a law, and what it leaves to the priors.

    Attributes
    ----------
    point
        The fit that was judged.
    inputs
        Correlations and dependences of the inputs.
    identification
        Fisher information of the likelihood in prior standard deviations.
    roles
        Words for each coordinate, ``(d,)``.
    entries
        Parameters, then derived quantities.
    trades
        Pairs of parameters whose estimates correlate most under the likelihood alone, and all pairs of trends.
    source
        What posterior variances come from, in words.
    profile, no_profile
        Profile likelihood of the first derived quantity, or why there is none ("" if none was asked for).
    """

    point: Fit
    inputs: Inputs
    identification: Identification
    roles: tuple[str, ...]
    entries: tuple[Judged, ...]
    trades: tuple[Trade, ...]
    source: str
    profile: Profile | None
    no_profile: str

    def __getitem__(self, name: str) -> Judged:
        """The entry of a parameter or derived quantity, by its name."""
        for entry in self.entries:
            if entry.name == name:
                return entry
        raise KeyError(f"'{name}' was not judged; these were: {', '.join(entry.name for entry in self.entries)}")

    @property
    def verdicts(self) -> "pd.DataFrame":
        """A row for every parameter and derived quantity."""
        return rows_frame([entry._asdict() for entry in self.entries])

    @property
    def directions(self) -> "pd.DataFrame":
        """A row for every direction, the weakest first: its information, what it is in words, its components."""
        return rows_frame(self.direction_rows())

    def direction_rows(self) -> list[dict[str, Any]]:
        """:attr:`directions` as plain rows."""
        found = self.identification
        return [
            {"information": float(found.eigenvalues[k]), "in_words": self.direction(k)}
            | dict(zip(found.names, map(float, found.directions[:, k]), strict=True))
            for k in range(len(found.eigenvalues))
        ]

    def direction(self, index: int = 0) -> str:
        """The ``index``-th weakest direction in words: what rises and falls together while the fit hardly changes."""
        vector = self.identification.directions[:, index]
        order = np.argsort(-np.abs(vector))
        vector = vector * np.sign(vector[order[0]])
        shown = [i for i in order if abs(vector[i]) > _SHOWN]
        up, down = ([self.roles[i] for i in shown if sign * vector[i] > 0] for sign in (1, -1))
        return _listed(up) + (f" against {_listed(down)}" if down else "")

    @property
    def sentences(self) -> tuple[str, ...]:
        """What was found; inputs that cannot be told apart come first."""
        said = [*self.inputs.warnings, *self._by_verdict(), *self._directions(), *self._trades(), *self._signs()]
        said += self._profile()
        return (*said, *self.inputs.sentences[len(self.inputs.warnings) :])

    def describe(self) -> str:
        """The sentences, a line each."""
        return "\n".join(self.sentences)

    __str__ = describe

    def _by_verdict(self) -> list[str]:
        said = []
        for head, own in self._headed():
            if own:
                said.append(f"{head}: {', '.join(f'{e.words}{_remaining(e)}' for e in own)}.")
        return [f"By the {self.source}. " + said[0], *said[1:]] if said else []

    def _headed(self) -> list[tuple[str, list[Judged]]]:
        """Entries by verdict; those identified without a contraction are so by the likelihood alone."""
        by = {verdict: [e for e in self.entries if e.verdict == verdict] for verdict in VERDICTS}
        compared = [e for e in by[IDENTIFIED] if np.isfinite(e.contraction)]
        alone = [e for e in by[IDENTIFIED] if not np.isfinite(e.contraction)]
        return [
            (f"Identified (posterior variance below {1 - MUCH:.0%} of the prior's)", compared),
            ("Identified by the likelihood (no prior to compare with)", [e for e in alone if np.isnan(e.prior)]),
            ("Identified by the likelihood (posterior unknown)", [e for e in alone if not np.isnan(e.prior)]),
            ("Weakly identified", by[WEAKLY]),
            ("At the prior (the posterior is the prior but for little)", by[PRIOR_ONLY]),
            ("Not identified at all (the likelihood does not change with it)", by[NOT_AT_ALL]),
        ]

    def _without_priors(self) -> bool:
        """Whether no prior entered the fit, so that the unit of the information is a convention."""
        spec = self.point.spec
        return self.point.stats["objective"] == "mle" or len(improper(spec)) == len(priors(spec))

    def _directions(self) -> list[str]:
        values, said = self.identification.eigenvalues, []
        if not np.isfinite(values).all():
            return ["The Fisher information of the likelihood is not finite at the best fit."]
        if self._without_priors():
            return self._directions_alone()
        for k in np.flatnonzero(values < WEAK):
            less = "nothing" if values[k] < NOT_IDENTIFIED else "less than the prior"
            said.append(
                f"Along one direction the data say {less} (information {values[k]:.3g} in prior standard deviations): "
                f"{self.direction(int(k))}."
            )
        if not said:
            said.append(
                f"Along every direction the data say more than the prior; least (information {values[0]:.3g} in prior "
                f"standard deviations) along {self.direction()}."
            )
        return said

    def _directions_alone(self) -> list[str]:
        values = self.identification.eigenvalues
        said = [
            f"Along one direction the data say {'nothing' if values[k] < NOT_IDENTIFIED else 'little'} (estimates that "
            f"all but depend on each other; there is no prior to compare with): {self.direction(int(k))}."
            for k in np.flatnonzero(values < WEAK)
        ]
        return said or [
            "The likelihood determines every direction (there is no prior to compare with), the least "
            f"{self.direction()}."
        ]

    def _trades(self) -> list[str]:
        most = [t for t in self.trades if not t.trends and abs(t.correlation) > _STRONG]
        said = [
            f"By the likelihood alone the estimates of {t.first} and of {t.second} correlate at {t.correlation:+.3f}: "
            + _together(t.correlation)
            for t in self.trades
            if t.trends
        ]
        if most:
            pairs = "; ".join(f"{t.first} against {t.second} ({t.correlation:+.3f})" for t in most)
            said.append(f"The estimates that depend most on each other otherwise: {pairs}.")
        return said

    def _signs(self) -> list[str]:
        # The logarithm of a positive parameter may have either sign, which says nothing of the parameter's.
        own = [e for e in self.entries if e.coordinate == ITSELF and not e.words.startswith("the constant")]
        open_ = [e for e in own if e.low < 0 < e.high]
        if not open_:
            return []
        listed = ", ".join(f"{e.words} ({e.value:.3g}, 95% interval [{e.low:.3g}, {e.high:.3g}])" for e in open_)
        return [f"Even the sign is open of: {listed}."]

    def _profile(self) -> list[str]:
        if self.profile is None:
            return [self.no_profile] if self.no_profile else []
        words = next(e.words for e in self.entries if e.kind == DERIVED)
        return [self.profile.notes[0].replace(self.profile.of, words), *self.profile.notes[2:]]


def _together(correlation: float) -> str:
    if abs(correlation) < _APART:
        return "the data tell them apart."
    return "the data know their sum better than either." if correlation < 0 else "they rise and fall together."


def _remaining(entry: Judged) -> str:
    if not np.isfinite(entry.contraction):
        return ""
    share = 1 - entry.contraction
    return (
        f" ({share:.0%} of the prior's variance left)" if share <= 1 else f" ({share:.1f} times the prior's variance)"
    )


def _listed(words: list[str]) -> str:
    return " and ".join([", ".join(words[:-1]), words[-1]]) if len(words) > 1 else "".join(words)
