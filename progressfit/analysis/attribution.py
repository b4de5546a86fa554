"""Attribution: how much of a change in performance belongs to each of several players."""

import itertools
import math
from collections.abc import Callable, Mapping, Sequence

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jax.core import Tracer

from progressfit._x64 import require_x64
from progressfit.dataset import Record
from progressfit.model import Model, channels

Players = Sequence[str] | Mapping[str, Sequence[str]]


class Attribution(eqx.Module):
    """Shapley values of one change.

    Attributes
    ----------
    contributions
        Player -> contribution, in the unit of ``of``.
    shares
        Player -> share of the total change; NaN where nothing changed.
    total
        The whole change.
    residual
        Total minus the sum of contributions; zero to rounding (additivity), since the total is computed apart.
    """

    contributions: dict[str, jax.Array]
    shares: dict[str, jax.Array]
    total: jax.Array
    residual: jax.Array


def shapley(
    model: Model,
    start: Record,
    end: Record,
    players: Players | None = None,
    of: Callable[[jax.Array], jax.Array] | None = None,
) -> Attribution:
    """Exact Shapley attribution of the change in predicted performance from one record to another.

    A player is anything that can be moved from its state at ``start`` to that at ``end``: an input column, a group, the
    date of one named channel, or several of these together. All ``2^players`` coalitions are evaluated (Shapley 1953).

    Parameters
    ----------
    model
        A model with numbers.
    start, end
        One record each.
    players
        Names of columns, groups and channels, or name -> several of them that move together. By default every channel
        of the model, and every input column and group that differs.
    of
        A function of the predicted response, such as ``jax.scipy.special.logit``; the response itself by default.

    Raises
    ------
    ValueError
        If a player names nothing, or something that differs between the records belongs to no player.
    """
    require_x64()
    teams = _teams(model, start, end, players)
    coalitions, weights = _shapley_weights(len(teams))
    scale = of if of is not None else lambda response: response

    def value(present: jax.Array) -> jax.Array:
        return scale(model.mean.value(_mixture(model, start, end, list(teams.values()), present)))

    values = jax.vmap(value)(jnp.asarray(coalitions))
    found = weights @ values
    total = scale(model.mean.value(end)) - scale(model.mean.value(start))
    names = list(teams)
    return Attribution(
        contributions={name: found[i] for i, name in enumerate(names)},
        shares={name: found[i] / total for i, name in enumerate(names)},
        total=total,
        residual=total - jnp.sum(found),
    )


def compute_equivalent_gain(
    model: Model,
    start: Record,
    end: Record,
    channel: str = "compute efficiency",
    input: str = "compute",
    of: Callable[[jax.Array], jax.Array] | None = None,
) -> jax.Array:
    """The factor of ``input`` that progress in one channel was worth, by its Shapley share.

    ``(input at end / input at start) ** (share of the channel / share of the input)``, as Erdil and Besiroglu 2022
    define it. The result depends on the scale on which shares are taken: theirs are of logit accuracy
    (``of=jax.scipy.special.logit``). NaN where the input does not change.
    """
    found = shapley(model, start, end, of=of)
    if input not in found.shares:
        raise ValueError(f"'{input}' is the same at both records, so nothing can be expressed in units of it")
    if channel not in found.shares:
        raise ValueError(f"no channel '{channel}' in this model; it has: {', '.join(channels(model)) or 'none'}")
    ratio = jnp.log(end[input] / start[input])
    return jnp.exp(ratio * found.contributions[channel] / found.contributions[input])


def _teams(model: Model, start: Record, end: Record, players: Players | None) -> dict[str, tuple[str, ...]]:
    clocks = channels(model)
    differing = [name for name in end.columns if name != "date" and _differs(start.columns, end.columns, name)]
    differing += [group for group in end.codes if _differs(start.codes, end.codes, group)]
    if players is None:
        teams = {name: (name,) for name in (*clocks, *differing)}
    elif isinstance(players, Mapping):
        teams = {name: tuple(members) for name, members in players.items()}
    else:
        teams = {name: (name,) for name in players}
    members = [member for team in teams.values() for member in team]
    known = {*clocks, *(set(start.columns) & set(end.columns) - {"date"}), *(set(start.codes) & set(end.codes))}
    unknown = [member for member in members if member not in known]
    if unknown:
        raise ValueError(
            f"'{unknown[0]}' is neither a channel of the model nor an input or group of both records: {sorted(known)}"
        )
    if len(set(members)) < len(members):
        raise ValueError("something belongs to two players; each column and channel may move only once")
    moved_dates = clocks if _differs(start.columns, end.columns, "date") else ()
    left = [name for name in (*moved_dates, *differing) if name not in members]
    if left:
        raise ValueError(
            f"'{left[0]}' differs between the records but belongs to no player, so the parts would not add up"
        )
    return teams


def _differs(start: Mapping[str, object], end: Mapping[str, object], name: str) -> bool:
    if name not in start or name not in end:
        return False
    if isinstance(start[name], Tracer) or isinstance(end[name], Tracer):
        return True  # not known while tracing: it has to belong to a player
    return not np.array_equal(np.asarray(start[name]), np.asarray(end[name]))


def _mixture(model: Model, start: Record, end: Record, teams: list[tuple[str, ...]], present: jax.Array) -> Record:
    """The record of one coalition: what belongs to a present team is as at ``end``, all else as at ``start``."""
    clocks = set(channels(model))
    record = start
    for i, team in enumerate(teams):
        for member in team:
            if member in clocks:
                date = jnp.where(present[i], end.date(member), start.date(member))
                record = record.with_clocks({member: date})
            elif member in end.codes:
                record = record.with_codes({member: jnp.where(present[i], end.codes[member], start.codes[member])})
            else:
                record = record.replace(**{member: jnp.where(present[i], end[member], start[member])})
    return record


def _shapley_weights(count: int) -> tuple[np.ndarray, np.ndarray]:
    """All coalitions, and the matrix that turns their values into Shapley values.

    Shapes ``(2^count, count)``, the empty coalition first and the full one last, and ``(count, 2^count)``.
    """
    coalitions = np.array(list(itertools.product([False, True], repeat=count)), bool)
    sizes = coalitions.sum(axis=1)
    weights = np.zeros((count, len(coalitions)))
    for player in range(count):
        for index, (coalition, size) in enumerate(zip(coalitions, sizes, strict=True)):
            others = size - 1 if coalition[player] else size
            weight = math.factorial(others) * math.factorial(count - others - 1) / math.factorial(count)
            weights[player, index] = weight if coalition[player] else -weight
    return coalitions, weights
