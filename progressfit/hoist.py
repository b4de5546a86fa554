"""What of a function does not depend on its argument is computed once, before its first use.

A law reads logarithms of columns, and an optimiser asks for it thousands of times with the same table. The compiler
moves such work out of a loop only where no conditional stands in between, and never out of a program that is called
again; here it is taken out by the function's own program, whatever the law.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
from jax.extend.core import Jaxpr, Literal

# Calls that are opened, so that what they know can be told from what they do not.
_OPENED = ("jit", "pjit", "closed_call")
# Cheaper to do again than to keep: their results are larger than what they are made of.
_REPEATED = ("broadcast_in_dim", "iota")


class _Known(NamedTuple):
    """A value at hand, and the step that repeats it if it is not worth keeping."""

    value: Any
    repeat: Any = None


class _Step(NamedTuple):
    """One operation left for later: its equation, where its operands are (a place, or known), and its results go."""

    equation: Any
    operands: tuple[Any, ...]
    places: tuple[int, ...]


class _Split:
    """The steps left for later, in order."""

    def __init__(self, inputs: int):
        self.steps: list[_Step] = []
        self.places = inputs
        self.repeated: dict[int, tuple[_Known, int]] = {}

    def walk(self, jaxpr: Jaxpr, constants: Any, operands: Any) -> list[Any]:
        """Do what is known, note down the rest; the results are known values or places (int)."""
        found: dict[Any, Any] = dict(zip(jaxpr.constvars, map(_Known, constants), strict=True))
        found |= dict(zip(jaxpr.invars, operands, strict=True))

        def read(atom: Any) -> Any:
            return _Known(atom.val) if isinstance(atom, Literal) else found[atom]

        for equation in jaxpr.eqns:
            own = [read(atom) for atom in equation.invars]
            found |= dict(zip(equation.outvars, self._do(equation, own), strict=True))
        return [read(atom) for atom in jaxpr.outvars]

    def _do(self, equation: Any, operands: list[Any]) -> list[Any]:
        name = equation.primitive.name
        if all(isinstance(one, _Known) for one in operands) and not equation.effects:
            values = _bound(equation, [one.value for one in operands])
            return [_Known(one, (equation, operands) if name in _REPEATED else None) for one in values]
        if name in _OPENED:
            inner = equation.params.get("jaxpr", equation.params.get("call_jaxpr"))
            return self.walk(inner.jaxpr, inner.consts, operands)
        return list(self._later(equation, operands))

    def _later(self, equation: Any, operands: list[Any]) -> tuple[int, ...]:
        own = tuple(self._repeat(one) if isinstance(one, _Known) and one.repeat else one for one in operands)
        places = tuple(range(self.places, self.places + len(equation.outvars)))
        self.places += len(places)
        self.steps.append(_Step(equation, own, places))
        return places

    def _repeat(self, known: _Known) -> int:
        # By identity, with the value itself kept so that nothing else can take its identity.
        if id(known) not in self.repeated:
            (place,) = self._later(*known.repeat)
            self.repeated[id(known)] = (known, place)
        return self.repeated[id(known)][1]


def hoisted(fn: Callable[..., Any], *example: Any) -> Callable[..., Any]:
    """``fn`` with everything that does not depend on its arguments computed now.

    Parameters
    ----------
    fn
        A function of trees of arrays, pure, that JAX can trace; what it closes over may be traced too.
    example
        Arguments whose shapes and types stand for all later ones.

    Returns
    -------
    A function of the same arguments with the same values and derivatives.
    """
    program, shapes = jax.make_jaxpr(fn, return_shape=True)(*example)
    tree = jax.tree.structure(shapes)
    split = _Split(len(program.in_avals))
    results = split.walk(program.jaxpr, program.consts, range(len(program.in_avals)))
    steps = _needed(split.steps, results)

    def later(*arguments: Any) -> Any:
        found = dict(enumerate(jax.tree.leaves(arguments)))

        def read(one: Any) -> Any:
            return one.value if isinstance(one, _Known) else found[one]

        for step in steps:
            values = _bound(step.equation, [read(one) for one in step.operands])
            found.update(zip(step.places, values, strict=True))
        return jax.tree.unflatten(tree, [read(one) for one in results])

    return later


def _bound(equation: Any, operands: list[Any]) -> list[Any]:
    with equation.ctx.manager:
        found = equation.primitive.bind(*operands, **equation.primitive.get_bind_params(equation.params))
    return list(found) if equation.primitive.multiple_results else [found]


def _needed(steps: list[_Step], results: list[Any]) -> list[_Step]:
    """The steps that some result depends on."""
    wanted = {one for one in results if isinstance(one, int)}
    kept = []
    for step in reversed(steps):
        if wanted.intersection(step.places) or step.equation.effects:
            wanted.update(one for one in step.operands if isinstance(one, int))
            kept.append(step)
    return kept[::-1]
