"""Whether chains may be believed: R-hat, effective draws, divergences, energies and tree depths, as sentences.

The figures are ArviZ's own: rank-normalised split R-hat and effective sample sizes of Vehtari, Gelman, Simpson,
Carpenter and Bürkner 2021 (arXiv 1903.08008), and E-BFMI of Betancourt 2016 (arXiv 1604.00695).
"""

import dataclasses
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from progressfit.infer.diagnose_loo import listed

HIGHEST_RHAT = 1.01
FEWEST_EFFECTIVE = 400.0
LEAST_BFMI = 0.3
MOST_AT_DEPTH = 0.01
# The tails between whose edges ArviZ 1 looks: those of its default 89% interval.
_TAIL = 0.89

Figures = dict[str, np.ndarray]
"""A figure for each entry of each parameter, arrays of the parameter's shape by path."""


@dataclasses.dataclass(frozen=True)
class Worst:
    """The worst figure and the coordinate it belongs to, ``path`` or ``path[i]``; NaN where none could be computed."""

    name: str
    value: float


@dataclasses.dataclass(frozen=True)
class Diagnosis:
    """What draws from chains say about themselves.

    Attributes
    ----------
    chains, draws
        Number of chains, and of draws in each.
    rhat, ess_bulk, ess_tail
        By path; NaN for coordinates that never moved or are not finite, R-hat also for a single chain.
    worst_rhat, worst_ess_bulk, worst_ess_tail
        The highest R-hat and the fewest effective draws.
    divergences, divergence_share
        Draws at the end of a diverging trajectory; 0 where the sampler does not report them.
    ebfmi
        Energy fraction of missing information of each chain, ``(chains,)``; empty without energies.
    depth_share
        Share of the draws whose trajectory reached the deepest tree; 0 where the sampler has no trees.
    mixed
        Whether R-hat and effective draws of every coordinate are good enough.
    sentences
        The worst figures, then each problem with its remedy.
    """

    chains: int
    draws: int
    rhat: Figures
    ess_bulk: Figures
    ess_tail: Figures
    worst_rhat: Worst
    worst_ess_bulk: Worst
    worst_ess_tail: Worst
    divergences: int
    divergence_share: float
    ebfmi: np.ndarray
    depth_share: float
    mixed: bool
    sentences: tuple[str, ...]

    @property
    def ok(self) -> bool:
        """Whether nothing was found: mixed, no divergences, energies and trees as they should be."""
        energies = bool((self.ebfmi > LEAST_BFMI).all())
        return self.mixed and self.divergences == 0 and energies and self.depth_share < MOST_AT_DEPTH

    def __str__(self) -> str:
        return "\n".join(self.sentences)


def diagnose(values: Mapping[str, np.ndarray], sampler: Mapping[str, np.ndarray], *, deepest: int = 10) -> Diagnosis:
    """Diagnose draws from several chains (or independent islands of particles).

    Parameters
    ----------
    values
        Draws by path, each of shape ``(chains, draws, ...)``.
    sampler
        ``diverging``, ``energy`` and ``tree_depth`` (or ``n_steps``, from which depths follow) of every draw, shape
        ``(chains, draws)``, as far as the sampler has them.
    deepest
        Largest depth that a trajectory's tree may reach.

    Raises
    ------
    ValueError
        If there are no values, or their chains and draws differ.
    """
    shape = _common_shape(values)
    rhat, bulk, tail = _figures(values)
    worst = (_worst(rhat, max), _worst(bulk, min), _worst(tail, min))
    diverging = np.asarray(sampler.get("diverging", np.zeros(shape, bool)), bool)
    ebfmi = _ebfmi(sampler["energy"]) if "energy" in sampler else np.zeros(0)
    depth_share = float(np.mean(_depths(sampler, shape) >= deepest))
    mixed = all(_good(r, b, t) for r, b, t in zip(rhat.values(), bulk.values(), tail.values(), strict=True))
    sentences = (
        *_worst_sentences(*worst, shape),
        *_mixing_sentences(values, rhat, bulk, tail),
        *_divergence_sentences(int(diverging.sum()), diverging.size),
        *_energy_sentences(ebfmi),
        *_depth_sentences(depth_share, deepest),
    )
    share = float(diverging.mean())
    return Diagnosis(
        *shape, rhat, bulk, tail, *worst, int(diverging.sum()), share, ebfmi, depth_share, mixed, sentences
    )


def _common_shape(values: Mapping[str, np.ndarray]) -> tuple[int, int]:
    shapes = {np.shape(value)[:2] for value in values.values()}
    if len(shapes) != 1 or len(next(iter(shapes))) != 2:
        raise ValueError(f"draws of every parameter need one shape (chains, draws, ...); found {sorted(shapes)}")
    chains, draws = shapes.pop()
    return chains, draws


def _figures(values: Mapping[str, np.ndarray]) -> tuple[Figures, Figures, Figures]:
    """R-hat and effective draws, bulk and tails; NaN for coordinates that have none."""
    from arviz_stats.base.array import array_stats

    axes: dict[str, Any] = {"chain_axis": 0, "draw_axis": 1}
    rhat, bulk, tail = {}, {}, {}
    for path, value in values.items():
        with np.errstate(divide="ignore", invalid="ignore"):
            rhat[path] = array_stats.rhat(value, **axes)
            bulk[path] = array_stats.ess(value, method="bulk", **axes)
            tail[path] = array_stats.ess(value, method="tail", prob=_TAIL, **axes)
        for figures in (rhat, bulk, tail):
            figures[path] = np.where(_usable(value), figures[path], np.nan)
    return rhat, bulk, tail


def _usable(value: np.ndarray) -> np.ndarray:
    """Whether each coordinate moves and is finite: the shape of the parameter."""
    return np.isfinite(value).all(axis=(0, 1)) & ~_constant(value)


def _constant(value: np.ndarray) -> np.ndarray:
    return (np.asarray(value) == np.asarray(value)[:1, :1]).all(axis=(0, 1))


def _worst(figures: Figures, pick: Callable[..., str]) -> Worst:
    named = {name: value for path, found in figures.items() for name, value in _coordinates(path, found)}
    finite = {name: value for name, value in named.items() if np.isfinite(value)}
    if not finite:
        return Worst("", float("nan"))
    name = pick(finite, key=finite.__getitem__)
    return Worst(name, finite[name])


def _coordinates(path: str, found: np.ndarray) -> list[tuple[str, float]]:
    if np.ndim(found) == 0:
        return [(path, float(found))]
    return [(f"{path}[{','.join(map(str, index))}]", float(value)) for index, value in np.ndenumerate(found)]


def _good(rhat: np.ndarray, bulk: np.ndarray, tail: np.ndarray) -> bool:
    return bool(((rhat < HIGHEST_RHAT) & (bulk >= FEWEST_EFFECTIVE) & (tail >= FEWEST_EFFECTIVE)).all())


def _ebfmi(energy: np.ndarray) -> np.ndarray:
    from arviz_stats.base.array import array_stats

    found: Any = array_stats.bfmi(np.asarray(energy), chain_axis=0, draw_axis=1)
    return np.asarray(found)


def _depths(sampler: Mapping[str, np.ndarray], shape: tuple[int, int]) -> np.ndarray:
    if "tree_depth" in sampler:
        return np.asarray(sampler["tree_depth"])
    if "n_steps" in sampler:
        # A tree of depth k takes at most 2^k - 1 steps.
        return np.ceil(np.log2(np.asarray(sampler["n_steps"]) + 1.0))
    return np.full(shape, -1)


def _worst_sentences(rhat: Worst, bulk: Worst, tail: Worst, shape: tuple[int, int]) -> list[str]:
    chains, draws = shape
    said = [] if np.isnan(rhat.value) else [f"Highest R-hat: {rhat.value:.4f} ({rhat.name})."]
    if not np.isnan(bulk.value):
        said.append(
            f"Fewest effective draws of {chains * draws} in {chains} chain{'' if chains == 1 else 's'}: "
            f"{bulk.value:.0f} in the bulk ({bulk.name}), {tail.value:.0f} in the tails ({tail.name})."
        )
    return said


def _mixing_sentences(values: Mapping[str, np.ndarray], rhat: Figures, bulk: Figures, tail: Figures) -> list[str]:
    constant, infinite = _where(values, _constant), _where(values, lambda v: ~np.isfinite(v).all(axis=(0, 1)))
    high = _where(rhat, lambda found: found >= HIGHEST_RHAT)
    few = _where(bulk, lambda found: found < FEWEST_EFFECTIVE) + _where(tail, lambda found: found < FEWEST_EFFECTIVE)
    said = []
    if len(next(iter(values.values()))) == 1:
        said.append("One chain cannot show that it reached the whole posterior; draw at least four.")
    if infinite:
        said.append(f"Draws of {listed(infinite)} are not finite; check the priors' range and the data's units.")
    if constant:
        said.append(
            f"Draws of {listed(constant)} never moved, so nothing was sampled there; check the prior, or fix the "
            "parameter."
        )
    if high:
        said.append(
            f"R-hat of {listed(high)} is {HIGHEST_RHAT} or more: the chains disagree. Draw for longer (warmup and "
            "draws), give better priors, or use method='smc' if there are several modes."
        )
    if few:
        said.append(
            f"Fewer than {FEWEST_EFFECTIVE:.0f} effective draws of {listed(list(dict.fromkeys(few)))}: intervals are "
            "not settled. Draw more."
        )
    return said


def _where(found: Mapping[str, np.ndarray], test: Callable[[np.ndarray], np.ndarray]) -> list[str]:
    """Names of the coordinates for which a test holds."""
    return [name for path, value in found.items() for name, bad in _coordinates(path, test(np.asarray(value))) if bad]


def _divergence_sentences(count: int, draws: int) -> list[str]:
    if count == 0:
        return []
    return [
        f"{count} of {draws} trajectories diverged ({count / draws:.2%}), so parts of the posterior may be missing; "
        "raise target_accept (.95, .99), give tighter priors, or use method='smc'."
    ]


def _energy_sentences(ebfmi: np.ndarray) -> list[str]:
    low = [f"{k + 1} ({value:.2f})" for k, value in enumerate(ebfmi) if not value > LEAST_BFMI]
    if not low:
        return []
    return [
        f"E-BFMI is {LEAST_BFMI} or less in chain {listed(low)}: trajectories move too little in energy to reach the "
        "tails. Give lighter-tailed or tighter priors, or warm up for longer."
    ]


def _depth_sentences(share: float, deepest: int) -> list[str]:
    if share < MOST_AT_DEPTH:
        return []
    return [
        f"{share:.1%} of the trajectories were cut off at tree depth {deepest}: the posterior is long and narrow, and "
        "drawing is slow, though not wrong. Warm up for longer, give tighter priors, or allow deeper trees."
    ]
