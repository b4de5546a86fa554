"""No-U-turn chains (numpyro's kernel) in coordinates from a survey, with jumps between modes.

A gradient-based chain may need thousands of trajectories to cross from one mode to another. After each trajectory the
chain is therefore offered draws from the survey's mixture, and picks one of them or its own place in proportion to
importance weights: iterated sampling importance resampling, which leaves the posterior invariant whatever the mixture
(Samsonov et al. 2022, "Local-Global MCMC kernels: the best of both worlds").
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from numpyro.infer.hmc import HMCState, hmc

from progressfit.compiled import compiled
from progressfit.dataset import Dataset
from progressfit.density import log_density
from progressfit.infer.devices import Plan, batched
from progressfit.infer.student_mixture import StudentMixture, draw, log_prob
from progressfit.infer.survey import Survey
from progressfit.model import Model
from progressfit.params import Numbers

_FIRST_STEP = 0.3
# A leapfrog is unstable from a step of twice the shortest scale on. The survey has not seen the very shortest, so less.
_STABLE = 1.2


class Settings(NamedTuple):
    """How chains run; hashable, a static argument.

    Attributes
    ----------
    warmup
        Steps in which step size and scales adapt.
    depth
        Largest depth of a trajectory's tree.
    candidates
        Draws of the mixture offered after each trajectory; 0 for none.
    adapt
        Whether each chain adapts the scales of the coordinates for itself, because the survey's rest on too few
        effective draws, and finds its step size without the survey's limit.
    """

    warmup: int = 500
    depth: int = 10
    candidates: int = 31
    adapt: bool = False


class Step(NamedTuple):
    """One draw of a chain and what the sampler says about it."""

    z: Numbers
    lp: Numbers
    diverging: Numbers
    energy: Numbers
    n_steps: Numbers
    acceptance_rate: Numbers
    step_size: Numbers
    jumped: Numbers


class Kernel(NamedTuple):
    """``begin(z, key) -> state`` and ``step(state) -> (state, Step)`` of one chain."""

    begin: Callable[[jax.Array, jax.Array], HMCState]
    step: Callable[[HMCState], tuple[HMCState, Step]]


def kernel(
    log_target: Callable[[jax.Array], jax.Array], found: Survey, target_accept: Any, settings: Settings
) -> Kernel:
    """The transition for a log density of ``z (d,)``, run in whitened coordinates."""
    centre, factor = found.centre, found.factor
    mixture = found.mixture.whitened(centre, factor)
    longest = jnp.inf if settings.adapt else _STABLE * found.stiffest

    def potential(x: jax.Array) -> jax.Array:
        return -log_target(centre + factor @ x)

    initialise, move = hmc(potential, algo="NUTS")

    def begin(z: jax.Array, key: jax.Array) -> HMCState:
        return initialise(
            jax.scipy.linalg.solve_triangular(factor, z - centre, lower=True),
            settings.warmup,
            step_size=_FIRST_STEP,
            adapt_mass_matrix=settings.adapt,
            target_accept_prob=target_accept,
            max_tree_depth=settings.depth,
            rng_key=key,
        )

    def step(state: HMCState) -> tuple[HMCState, Step]:
        key, jumping = jax.random.split(state.rng_key)
        step_size = jnp.minimum(state.adapt_state.step_size, longest)
        moved = move(state._replace(rng_key=key, adapt_state=state.adapt_state._replace(step_size=step_size)))
        end, jumped = _jump(potential, mixture, moved, jumping, settings.candidates)
        return end, Step(
            centre + factor @ end.z,
            -end.potential_energy,
            moved.diverging,
            moved.energy,
            moved.num_steps,
            moved.accept_prob,
            step_size,
            jumped,
        )

    # numpyro's kernel learns the number of warm-up steps and the depth when it is initialised.
    begin(centre, jax.random.key(0))
    return Kernel(begin, step)


def _jump(
    potential: Callable[[jax.Array], jax.Array],
    mixture: StudentMixture,
    state: HMCState,
    key: jax.Array,
    candidates: int,
) -> tuple[HMCState, jax.Array]:
    """Stay, or go to one of several draws of the mixture, in proportion to density over mixture density."""
    if candidates == 0:
        return state, jnp.zeros((), bool)
    drawing, picking = jax.random.split(key)
    places = jnp.concatenate([state.z[None], draw(mixture, drawing, candidates)])
    heights = jnp.concatenate([state.potential_energy[None], jax.vmap(potential)(places[1:])])
    log_weights = jnp.where(jnp.isfinite(heights), -heights - log_prob(mixture, places), -jnp.inf)
    chosen = jax.random.categorical(picking, log_weights)

    def gone(_: Any) -> tuple[jax.Array, jax.Array, jax.Array]:
        height, slope = jax.value_and_grad(potential)(places[chosen])
        return places[chosen], height, slope

    stay = (state.z, state.potential_energy, state.z_grad)
    z, height, slope = jax.lax.cond(chosen > 0, gone, lambda _: stay, None)
    return state._replace(z=z, potential_energy=height, z_grad=slope), chosen > 0


def kernel_of(
    spec: Model, data: Dataset, weights: jax.Array, found: Survey, target_accept: Any, settings: Settings
) -> Kernel:
    """The transition for the posterior of a table."""
    return kernel(lambda z: log_density(spec, z, data, weights, True), found, target_accept, settings)


@compiled("settings", "plan")
def begin_chains(
    spec: Model,
    data: Dataset,
    weights: jax.Array,
    found: Survey,
    target_accept: Any,
    starts: jax.Array,
    keys: jax.Array,
    settings: Settings,
    plan: Plan,
) -> HMCState:
    """States of chains that start at ``starts (chains, d)`` with a key each."""
    own = kernel_of(spec, data, weights, found, target_accept, settings)
    return batched(lambda start: own.begin(*start), (starts, keys), plan)


@compiled("settings", "count", "plan")
def advance_chains(
    spec: Model,
    data: Dataset,
    weights: jax.Array,
    found: Survey,
    target_accept: Any,
    states: HMCState,
    settings: Settings,
    count: int,
    plan: Plan,
) -> tuple[HMCState, Step]:
    """Advance every chain by ``count`` steps: the new states, and each step ``(chains, count, ...)``."""
    own = kernel_of(spec, data, weights, found, target_accept, settings)
    return batched(lambda state: jax.lax.scan(lambda s, _: own.step(s), state, None, length=count), states, plan)
