"""Outcomes: what a fit, a bootstrap or an approximation hands back."""

import dataclasses
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Literal

import numpy as np

from progressfit.infer.as_dict import fit_dict
from progressfit.infer.curvature import hessian_covariance, normal_intervals, standard_errors
from progressfit.infer.describe import describe_draws, describe_fit
from progressfit.infer.identification import Identification, Runaway
from progressfit.infer.kinks import has_kinks
from progressfit.infer.least_squares import LeastSquares, least_squares_covariance
from progressfit.infer.outcomes import RESULTS as RESULTS
from progressfit.infer.points import map_values
from progressfit.infer.save import save_result
from progressfit.infer.show import as_html, as_text
from progressfit.model import Model
from progressfit.noise import Gaussian, Huber
from progressfit.params import Values, bind

# Below this knee, in scales, Huber noise curves at a tenth of its rows at most.
_NEAR_KINK = 0.1


@dataclasses.dataclass(frozen=True)
class Optimum:
    """One distinct optimum.

    Attributes
    ----------
    values
        Parameters by path, in their own spaces.
    objective
        Minimised negative log density (prior included, linked response).
    loss
        Weighted sum of the plain losses of the rows (:meth:`progressfit.Model.loss`): the objective of robust fits
        published without scale and constants.
    starts, share
        Number and share of the starts that ended here.
    gradient_norm
        Newton decrement: distance to the optimum in units of its own curvature. Where the density has kinks, the
        violation of the subgradient conditions in the same units. For a plain loss (noise fixed, no priors) the unit is
        twice the mean loss, that is, the residuals' own scale.
    rounding
        How far rounding of the response alone moves the optimum, in the same units.
    condition
        Condition number of the Hessian in prior standard deviations; infinite if it is not positive definite.
    z, hessian
        Unconstrained vector ``(d,)`` and the Hessian of the objective there ``(d, d)``.
    step
        The Newton step that is left, ``(d,)``: not small where a parameter still runs towards infinity.
    """

    values: Values
    objective: float
    loss: float
    starts: int
    share: float
    gradient_norm: float
    rounding: float
    condition: float
    z: np.ndarray
    hessian: np.ndarray
    step: np.ndarray


@dataclasses.dataclass(frozen=True)
class Certificate:
    """Why a fit may be believed, or not.

    Attributes
    ----------
    gradient_norm, condition
        Of the best optimum, see :class:`Optimum`.
    positive_definite
        Whether the Hessian there is positive definite.
    starts, starts_agreeing, unfinished
        How many starts there were, reached the best optimum, and ended at no stationary point.
    moved
        How many starts were moved out of a region where a parameter has no effect; none is left out.
    at_bound
        Paths of parameters at the edge of their range, or on their way to infinity.
    runaways
        Starts on their way to infinity, by what runs, lowest first; see :class:`Runaway`.
    identification
        What the likelihood alone determines.
    """

    gradient_norm: float
    positive_definite: bool
    condition: float
    starts: int
    starts_agreeing: int
    unfinished: int
    moved: int
    at_bound: tuple[str, ...]
    runaways: tuple[Runaway, ...]
    identification: Identification


@dataclasses.dataclass(frozen=True, repr=False)
class Fit:
    """A point fit: always complete, and honest about what it did not reach.

    Attributes
    ----------
    spec
        The prepared spec that was fitted.
    model
        The same tree with the numbers of the best optimum.
    result
        A member of :class:`RESULTS`; its text is the message.
    objective
        Minimised negative log density at the best optimum.
    certificate
        The evidence behind ``result``.
    optima
        All distinct optima, best first; the first is the fit.
    weights
        Row weights that were used, ``(n,)``; bootstraps and approximations made around this fit use them too.
    least_squares
        The mean as a least-squares problem at the best optimum, for :meth:`stderr`.
    stats
        Number of rows, kind of objective, digest of the table, seconds.
    """

    spec: Model
    model: Model
    result: RESULTS
    objective: float
    certificate: Certificate
    optima: tuple[Optimum, ...]
    weights: np.ndarray
    least_squares: LeastSquares
    stats: dict[str, Any]

    @property
    def converged(self) -> bool:
        """Whether every part of the certificate holds."""
        return self.result is RESULTS.CONVERGED

    @property
    def loss(self) -> float:
        """Weighted sum of the plain losses of the rows at the best optimum, without constants; see :class:`Optimum`."""
        return self.optima[0].loss

    @property
    def parameters(self) -> Values:
        """Free parameters of the best optimum by dotted path."""
        return self.optima[0].values

    def map(self, fn: Callable[[Model], Any]) -> Any:
        """``fn`` of the fitted model."""
        return fn(self.model)

    def stderr(self, kind: Literal["hessian", "gauss-newton"] = "hessian", ddof: float = 0) -> Values:
        """Standard errors of the free parameters at the best optimum (delta method), arrays by path.

        Parameters
        ----------
        kind
            "hessian": from the observed curvature of the whole objective; those of the posterior for
            ``objective="map"``, of the likelihood for "mle". NaN where the curvature is not that of an optimum, and
            where the density has kinks or nearly so (Huber noise with its knee within a tenth of the scale): the
            curvature there says nothing about spread, and a bootstrap does.
            "gauss-newton": those of classical least squares, ``s^2 (J' W J)^-1``, where ``J`` is the derivative of the
            linked mean, ``W`` the row weights, and ``s^2 = sum(w r^2) / (sum(w) - ddof)`` the mean square of the
            residuals on the link scale. Priors and the fitted scale play no part; NaN for parameters of the noise.
        ddof
            Degrees of freedom taken off in ``s^2``: the number of parameters of the mean for the unbiased estimate
            that reference data sets and least-squares programs print. For "gauss-newton" only.

        Raises
        ------
        ValueError
            If "gauss-newton" is asked for noise that is not Gaussian with one common scale, or ``ddof`` is out of
            range.
        """
        best = self.optima[0]
        if kind == "gauss-newton":
            self._require_least_squares()
            return standard_errors(self.spec, best.z, least_squares_covariance(self.least_squares, ddof))
        if kind != "hessian":
            raise ValueError(f"kind='{kind}': choose 'hessian' or 'gauss-newton'")
        if ddof != 0:
            raise ValueError(f"ddof={ddof} belongs to kind='gauss-newton'; the Hessian has no such correction")
        if not self.smooth:
            return {path: np.full(np.shape(value), np.nan) for path, value in best.values.items()}
        return standard_errors(self.spec, best.z, hessian_covariance(best.hessian))

    def normal_intervals(self, level: float = 0.95) -> Values:
        """Intervals of the free parameters from the curvature at the best optimum, arrays ``(2, ...)`` by path.

        Normal in unconstrained coordinates, so that they stay in range; NaN where :meth:`stderr` is. They know nothing
        of other optima: a bootstrap or a sample does.
        """
        best = self.optima[0]
        if not self.smooth:
            return {path: np.full((2, *np.shape(value)), np.nan) for path, value in best.values.items()}
        return normal_intervals(self.spec, best.z, hessian_covariance(best.hessian), level)

    @property
    def smooth(self) -> bool:
        """Whether the curvature at the optimum says anything about spread: no kinks, and none nearly there."""
        noise = self.model.noise
        nearly = isinstance(noise, Huber) and bool(np.asarray(noise.delta) < _NEAR_KINK)
        return not (nearly or has_kinks(self.spec))

    def _require_least_squares(self) -> None:
        if isinstance(self.spec.noise, Gaussian) and self.least_squares.common_scale:
            return
        found = (
            "Gaussian with a scale that differs between rows"
            if isinstance(self.spec.noise, Gaussian)
            else type(self.spec.noise).__name__
        )
        raise ValueError(
            f"kind='gauss-newton' holds for Gaussian noise with one common scale, and the noise here is {found}; use "
            "kind='hessian', or a bootstrap"
        )

    def to_dict(self) -> dict[str, Any]:
        """Parameters, standard errors, certificate and optima as plain data that are valid JSON."""
        return fit_dict(self)

    def save(self, path: str | Path) -> Path:
        """Write everything to one netCDF file, which :func:`progressfit.load` reads back; see :func:`save_result`."""
        return save_result(self, path)

    def __repr__(self) -> str:
        state = "converged" if self.converged else "not certified"
        return f"<Fit of {self.stats['n']} rows: objective {self.objective:.6f}, {state}; print it for more>"

    def __str__(self) -> str:
        return as_text(describe_fit(self))

    def _repr_html_(self) -> str:
        return as_html(describe_fit(self))


@dataclasses.dataclass(frozen=True, repr=False)
class Draws:
    """Many models at once: bootstrap replicates, or draws from a posterior or an approximation of one.

    Attributes
    ----------
    origin
        The fit whose optima these draws were made around.
    values
        Parameters by path, each with a leading axis of draws ``(draws, ...)``.
    result
        A member of :class:`RESULTS`.
    objective
        Of each draw, ``(draws,)``.
    ok
        Whether each draw is certified, ``(draws,)``; the others are counted and kept out of intervals.
    mode
        Index of the optimum of the original fit that each draw belongs to, ``(draws,)``.
    kind
        What the draws are, in words, for tables: "row bootstrap", "Laplace", "posterior (NUTS)".
    stats
        Counts, mode weights, seconds.
    chains
        Number of chains; draws are stored chain by chain.
    sampler
        What a sampler says about each draw, arrays ``(draws,)`` by name; empty for refits and approximations.
    """

    origin: Fit
    values: Values
    result: RESULTS
    objective: np.ndarray
    ok: np.ndarray
    mode: np.ndarray
    kind: str
    stats: dict[str, Any]
    chains: int = 1
    sampler: Mapping[str, np.ndarray] = dataclasses.field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.ok)

    @property
    def spec(self) -> Model:
        """The prepared spec."""
        return self.origin.spec

    @property
    def are_refits(self) -> bool:
        """Whether these are bootstrap replicates: refits, each with the priors in it, and no draws of a posterior."""
        return "replicates" in self.stats

    @property
    def are_sampled(self) -> bool:
        """Whether a sampler drew these from the posterior, with a diagnosis."""
        return "diagnosis" in self.stats

    @property
    def failed(self) -> int:
        """Number of draws that are not certified."""
        return int(np.sum(~self.ok))

    @property
    def models(self) -> Model:
        """The tree with a leading axis of draws on every free leaf."""
        return bind(self.spec, self.values)

    def map(self, fn: Callable[[Model], Any]) -> Any:
        """``fn`` of every model, stacked along a leading axis of draws; certified or not, in the order of ``ok``."""
        return map_values(fn, self.spec, self.values)

    def save(self, path: str | Path) -> Path:
        """Write everything to one netCDF file, which :func:`progressfit.load` reads back; see :func:`save_result`."""
        return save_result(self, path)

    def __repr__(self) -> str:
        return f"<{len(self)} draws, {self.kind}: {self.failed} failed; print them for more>"

    def __str__(self) -> str:
        return as_text(describe_draws(self))

    def _repr_html_(self) -> str:
        return as_html(describe_draws(self))
