"""What of a function does not depend on its argument is computed once, before its first use.

A law reads logarithms of columns, and an optimiser asks for it thousands of times with the same table. The compiler
moves such work out of a loop only where no conditional stands in between, and never out of a program that is called
again; here it is taken out by the function's own program, whatever the law.
"""

import functools
from collections.abc import Callable
from typing import Any, NamedTuple

import jax
from jax.extend.core import Jaxpr, Literal

# Calls that are opened, so that what they know can be told from what they do not.
_OPENED = ("jit", "closed_call")
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
        # Where the result of an exponential is -> where its operand is.
        self.logs: dict[int, Any] = {}

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
        if name == "log" and operands[0] in self.logs:
            return [self.logs[operands[0]]]
        places = self._later(equation, operands)
        if name == "exp":
            self.logs[places[0]] = operands[0]
        return list(places)

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
    A function of the same arguments with the same values and derivatives. A logarithm of an exponential is what that
    was taken of: of a positive parameter, say.
    """
    known, later = split(fn, *example)
    return functools.partial(later, known)


def split(fn: Callable[..., Any], *example: Any) -> tuple[list[Any], Callable[..., Any]]:
    """What of ``fn`` does not depend on its arguments, computed now, and a function of that and the arguments.

    As :func:`hoisted`, for those who want to hold the computed arrays themselves.
    """
    program, shapes = jax.make_jaxpr(fn, return_shape=True)(*example)
    tree, walked = jax.tree.structure(shapes), _Split(len(program.in_avals))
    results = walked.walk(program.jaxpr, program.consts, range(len(program.in_avals)))
    steps = _needed(walked.steps, results)
    held = _Held([])
    steps = [one._replace(operands=tuple(map(held.place, one.operands))) for one in steps]
    results = [held.place(one) for one in results]

    def later(known: list[Any], *arguments: Any) -> Any:
        found = dict(enumerate(jax.tree.leaves(arguments)))

        def read(one: Any) -> Any:
            if isinstance(one, _Place):
                return known[one.position]
            return one.value if isinstance(one, _Known) else found[one]

        for step in steps:
            values = _bound(step.equation, [read(one) for one in step.operands])
            found.update(zip(step.places, values, strict=True))
        return jax.tree.unflatten(tree, [read(one) for one in results])

    return [one.value for one in held.known], later


class _Place(NamedTuple):
    """Where in the list of what is known a value is."""

    position: int


class _Held(NamedTuple):
    """What is known and needed later, each once."""

    known: list[_Known]

    def place(self, one: Any) -> Any:
        """A place for a known value, unless it is a number of the program's text."""
        if not isinstance(one, _Known) or not isinstance(one.value, jax.Array):
            return one
        found = next((k for k, own in enumerate(self.known) if own.value is one.value), len(self.known))
        if found == len(self.known):
            self.known.append(one)
        return _Place(found)


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
