"""The verb ``recover``: design and power. Tables are simulated from a fitted law and refitted, all in one batch."""

import functools
from collections.abc import Iterable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from progressfit._x64 import require_x64
from progressfit.analysis.designs import Design, Layout, check_designs, lay_out
from progressfit.analysis.inputs import input_table
from progressfit.analysis.recovery import Recovery
from progressfit.compiled import compiled
from progressfit.dataset import Dataset, Record
from progressfit.growth import growth_rate
from progressfit.infer.bootstrap import nearest_optimum
from progressfit.infer.check import require_whole
from progressfit.infer.constrained import Measure
from progressfit.infer.devices import Plan, batched, plan_batch
from progressfit.infer.identification import NOT_IDENTIFIED, Identification
from progressfit.infer.information import information_root, judge
from progressfit.infer.kinks import has_kinks
from progressfit.infer.optimise import check_key, fitted_weights, prior_weight_of
from progressfit.infer.prepare import prepare
from progressfit.infer.programs import prior_ranges
from progressfit.infer.quantity import measured, quantity_and_gradient
from progressfit.infer.refit import Changes, Refitted, known_optima, refit
from progressfit.infer.result import Fit
from progressfit.infer.verdicts import likelihood_ratio
from progressfit.model import Model
from progressfit.params import constrain, coordinate_names, dimension, priors


class _Truth(NamedTuple):
    """What is to be recovered: name, function, its value, and the law that is refitted."""

    name: str
    measure: Measure
    value: float
    spec: Model


class _Member(NamedTuple):
    """One simulated table without its response: columns and codes ``(n,)``, factor on the noise, random key."""

    columns: dict[str, Any]
    codes: dict[str, Any]
    noise: Any
    key: Any


def recover(
    point: Fit,
    data: Dataset,
    designs: Iterable[Design],
    *,
    key: jax.Array,
    of: Any = growth_rate,
    input: str = "compute",
    concentrated: str | None = None,
    replicates: int = 100,
    level: float = 0.95,
    spec: Model | None = None,
) -> Recovery:
    """How well a quantity would be known from other tables: simulated from a fit, refitted from all its optima.

    Every replicate of every design is refitted with the fit's own objective (priors included, unless it is a
    maximum-likelihood fit) in one compiled program.

    Parameters
    ----------
    point, data
        A fit, whose best optimum is the truth, and its table, whose rows are drawn from.
    designs
        What the simulated tables look like; see :func:`progressfit.designs`.
    key
        A JAX random key.
    of
        A function of one model that returns one number, or the dotted path of a parameter.
    input
        The column with whose logarithm the date is made to correlate.
    concentrated
        The column whose commonest value a design's ``share`` is about, such as the data size.
    replicates
        Tables of each design.
    level
        Nominal coverage of the intervals, which are normal about each refit.
    spec
        The law to refit with, if it is not that of the fit: other priors on the same parameters, with the same ranges.

    Raises
    ------
    ValueError
        If a design is out of range, the table lacks what it asks for, or ``spec`` has other parameters or ranges.
    """
    require_x64()
    require_whole(replicates=replicates)
    if not 0 < level < 1:
        raise ValueError(f"level={level}: give a number between 0 and 1, such as 0.95")
    name, measure = measured(of, point)
    kept = np.asarray(fitted_weights(point, data)) > 0
    wanted = check_designs(designs, dimension(point.spec) + 1)
    truth = _Truth(name, measure, float(point.map(measure)), _law(point, data, spec))
    if not np.isfinite(truth.value):
        raise ValueError(f"'{name}' is {truth.value} at the fit, so there is nothing to recover")
    common = _common(data, kept, input, concentrated, wanted)
    drawing, noise = jax.random.split(check_key(key))
    rng = np.random.default_rng(np.asarray(jax.random.bits(drawing, (4,))))
    layout = lay_out(data, kept, input, common, wanted, replicates, rng)
    members = _members(data, layout, np.repeat([one.noise for one in wanted], replicates), noise)
    table = data.take(layout.taken[0]).bare()
    response = _responses(point.model, table, members, plan=plan_batch(len(table), dimension(point.spec)))
    weight = prior_weight_of(point.stats["objective"])
    changes = Changes(
        weights=layout.weights, response=np.asarray(response), columns=members.columns, codes=members.codes
    )
    found = refit(truth.spec, known_optima(point), table, layout.weights[0], changes, weight)
    value, error = _values(truth, found)
    shape = (len(wanted), replicates)
    judged = _judged(point, truth, table, members, layout, replicates)
    return Recovery(
        name=name,
        truth=truth.value,
        input=input,
        concentrated=concentrated,
        designs=wanted,
        own=_own(data, kept, input, common),
        values=value.reshape(shape),
        errors=error.reshape(shape),
        optimum=nearest_optimum(point, found.z).reshape(shape),
        information=judged.information,
        bound=judged.bound,
        data_say=judged.data_say,
        level=level,
        warnings=input_table(point.spec, data, kept.astype(float)).warnings,
    )


def _law(point: Fit, data: Dataset, spec: Model | None) -> Model:
    if spec is None:
        return point.spec
    found = prepare(spec, data)
    ours, theirs = ({path: prior.shape() for path, prior in priors(one).items()} for one in (point.spec, found))
    if ours != theirs:
        raise ValueError(f"the free parameters of spec ({', '.join(theirs)}) have to be those of the fit")
    # Starts and nearest optima are unconstrained vectors, which mean the same under both laws only on the same ranges.
    mine, others = (
        jax.vmap(lambda z, law=law: constrain(law, z)[0])(known_optima(point)) for law in (point.spec, found)
    )
    moved = [path for path in ours if not np.allclose(mine[path], others[path], rtol=1e-12, atol=0.0)]
    if moved:
        raise ValueError(
            f"the prior of '{moved[0]}' in spec allows another range than that of the fit; give priors with the same "
            "support (or fit with the other one first)"
        )
    return found


def _common(
    data: Dataset, kept: np.ndarray, input: str, concentrated: str | None, wanted: tuple[Design, ...]
) -> np.ndarray | None:
    """Rows with the commonest value of the column that shares are about, ``(n,)``; what designs ask for is checked."""
    columns = data.records.columns
    for name in (input, "date", *([] if concentrated is None else [concentrated])):
        if name not in columns:
            have = ", ".join(columns) or "none"
            raise ValueError(f"the table has no column '{name}' to simulate with (it has: {have})")
    for name in (input, "date"):
        if np.ptp(np.asarray(columns[name])[kept]) == 0:
            raise ValueError(f"all rows have the same {name}, so it correlates with nothing")
    if concentrated is None:
        if any(not np.isnan(one.share) for one in wanted):
            raise ValueError("a design has a share; name the column that it is about, concentrated='data'")
        return None
    column = np.asarray(columns[concentrated])
    values, counts = np.unique(column[kept], return_counts=True)
    if len(values) < 2:
        raise ValueError(
            f"all rows have the same {concentrated}, so the share of its commonest value cannot be changed"
        )
    return column == values[np.argmax(counts)]


def _own(data: Dataset, kept: np.ndarray, input: str, common: np.ndarray | None) -> Design:
    """The real table as a design."""
    x = np.asarray(data.records.columns[input], np.float64)[kept]
    x = np.log(x) if (x > 0).all() else x
    date = np.asarray(data.records.columns["date"], np.float64)[kept]
    share = np.nan if common is None else float(np.mean(common[kept]))
    return Design(int(kept.sum()), float(np.corrcoef(x, date)[0, 1]), share)


def _members(data: Dataset, layout: Layout, noise: np.ndarray, key: jax.Array) -> _Member:
    records = data.records
    columns = {name: np.asarray(column, np.float64)[layout.taken] for name, column in records.columns.items()}
    columns["date"] = layout.dates
    codes = {name: np.asarray(code)[layout.taken] for name, code in records.codes.items()}
    return _Member(columns, codes, noise, jax.random.split(key, len(noise)))


def _records(table: Dataset, member: _Member) -> Record:
    return table.records.replace(**member.columns).with_codes(member.codes)


@compiled("plan")
def _responses(model: Model, table: Dataset, members: _Member, plan: Plan) -> jax.Array:
    """A simulated response for every row of every table, ``(m, n)``."""

    def one(member: _Member) -> jax.Array:
        records = _records(table, member)
        mean = jax.vmap(model.linked)(records)
        drawn = jnp.asarray(model.noise(mean, records).sample(member.key))
        return model.link.inverse(mean + member.noise * (drawn - mean))

    return batched(one, members, plan)


def _values(truth: _Truth, found: Refitted) -> tuple[np.ndarray, np.ndarray]:
    """The quantity in every refit and its nominal standard error, ``(m,)``; NaN where there is none."""
    at, slope = quantity_and_gradient(truth.spec, found.z, np.zeros(found.z.shape[1]), truth.measure)
    value = np.where(found.ok & np.isfinite(at), at, np.nan)
    if has_kinks(truth.spec):
        return value, np.full(value.shape, np.nan)
    hessian = np.where(np.isfinite(value)[:, None, None], found.hessian, np.eye(found.z.shape[1]))
    gradient = np.asarray(slope)
    variance = np.einsum("mi,mi->m", gradient, np.linalg.solve(hessian, gradient[..., None])[..., 0])
    return value, np.where(np.isfinite(value) & (variance >= 0), np.sqrt(np.abs(variance)), np.nan)


class _Judgement(NamedTuple):
    """Smallest information, lowest standard error and what the likelihood says, each ``(designs,)``."""

    information: np.ndarray
    bound: np.ndarray
    data_say: np.ndarray


@compiled("plan")
def _roots(spec: Model, z: jax.Array, table: Dataset, members: _Member, weights: jax.Array, plan: Plan) -> jax.Array:
    def one(pair: tuple[_Member, jax.Array]) -> jax.Array:
        return information_root(spec, z, Dataset(_records(table, pair[0]), table.response, table.clusters), pair[1])

    return batched(one, (members, weights), plan)


def _judged(point: Fit, truth: _Truth, table: Dataset, members: _Member, layout: Layout, replicates: int) -> _Judgement:
    """What the likelihood alone says in the first table of each design."""
    first = functools.partial(jax.tree.map, lambda leaf: leaf[::replicates])
    own = first(members)
    # Less noise is more weight, as far as the mean goes.
    weights = first(layout.weights) / own.noise[:, None] ** 2
    z = jnp.asarray(point.optima[0].z)
    plan = plan_batch(len(table), dimension(truth.spec))
    roots = np.asarray(_roots(truth.spec, z, table, own, jnp.asarray(weights), plan=plan))
    prior = np.asarray(prior_ranges(truth.spec).scale)
    prior = np.where(point.stats["objective"] == "map", prior, np.nan)
    _, slope = quantity_and_gradient(truth.spec, z[None], jnp.zeros(len(z)), truth.measure)
    found = [judge(root, prior, coordinate_names(truth.spec)) for root in roots]
    says = np.array([str(likelihood_ratio(np.asarray(slope), one)[1][0]) for one in found])
    bound = np.array([_bound(np.asarray(slope)[0], one) for one in found])
    smallest = np.array([one.eigenvalues[0] for one in found])
    return _Judgement(smallest, np.where(says == "not identified", np.inf, bound), says)


def _bound(slope: np.ndarray, found: Identification) -> float:
    """Standard error of a quantity by the information of the likelihood alone (Cramer and Rao)."""
    along = (slope * found.scale) @ found.directions
    return float(np.sqrt(np.sum(along**2 / np.maximum(found.eigenvalues, NOT_IDENTIFIED))))
