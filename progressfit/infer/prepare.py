"""Make a spec ready for a table: group priors copied to all levels, numbers in float64."""

from typing import Any

import jax
from numpyro.distributions import Distribution

from progressfit.dataset import Dataset
from progressfit.model import Model
from progressfit.params import Tied, leaves, numeric
from progressfit.terms import ByGroup, GroupEffect
from progressfit.terms.base import walk_terms


def prepare(spec: Model, data: Dataset) -> Model:
    """Give every group effect one prior for each free level of its group, and turn all numbers into float64 arrays.

    Parameters
    ----------
    spec
        A spec as written; preparing a prepared spec changes nothing.
    data
        The table whose group levels count.

    Raises
    ------
    ValueError
        If the data lack a group, a group effect was prepared for another number of levels, or a level has no term.
    """

    def is_effect(node: Any) -> bool:
        return isinstance(node, GroupEffect)

    paths = iter([path for path, term in walk_terms(spec) if is_effect(term)])
    grouped = jax.tree.map(
        lambda node: _sized(node, next(paths), data) if is_effect(node) else node, spec, is_leaf=is_effect
    )
    grouped = _levelled(grouped, data)
    leaves(grouped)
    return numeric(grouped)


def _sized(term: GroupEffect, path: str, data: Dataset) -> GroupEffect:
    levels, effects = data.levels(term.group), term.effects
    if term.levels and term.levels != levels:
        raise ValueError(
            f"'{path}' was fitted with the levels {', '.join(term.levels)} of '{term.group}', but this table has "
            f"{', '.join(levels)}; give the fitted table"
        )
    sized = GroupEffect(
        term.group, effects, scale=term.scale, coding=term.coding, reference=term.reference, levels=levels
    )
    if isinstance(effects, Tied):
        return sized
    count, which = len(sized.free_levels), "level" if sized.coding == "levels" else "free level"
    if isinstance(effects, Distribution) and effects.shape() == ():
        effects = effects.expand([count])
    shape = effects.shape() if isinstance(effects, Distribution) else getattr(effects, "shape", ())
    if not isinstance(effects, Distribution) and shape == ():
        raise ValueError(f"'{path}.effects' is one number; a fixed group effect needs {count}, one for each {which}")
    if shape != (count,):
        raise ValueError(f"'{path}.effects' has shape {shape}, but the group '{term.group}' has {count} {which}s")
    return GroupEffect(
        term.group, effects, scale=term.scale, coding=term.coding, reference=term.reference, levels=levels
    )


def _levelled(node: Any, data: Dataset) -> Any:
    """The tree with the levels of the table in every :class:`ByGroup`, however deep."""

    def is_choice(part: Any) -> bool:
        return isinstance(part, ByGroup)

    def filled(part: Any) -> Any:
        if not is_choice(part):
            return part
        terms = {name: _levelled(term, data) for name, term in zip(part.names, part.terms, strict=True)}
        return ByGroup(part.group, levels=data.levels(part.group), **terms)

    return jax.tree.map(filled, node, is_leaf=is_choice)
