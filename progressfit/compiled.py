"""``jax.jit`` for functions of specs, whose programs are the same in every process.

numpyro lists the parameters of a distribution in the order of a Python set of names, which changes from process to
process. Passed through ``jit`` as they are, the arguments of a program would change places with it, and a persistent
compilation cache would not know the program again. Here they go in the order of their names.
"""

import functools
import gc
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jax
from numpyro.distributions import Distribution


@jax.tree_util.register_pytree_node_class
class _Ordered:
    """A distribution taken apart: its parameters in the order of their names, and what is needed to rebuild it."""

    def __init__(self, parameters: tuple[Any, ...], order: tuple[int, ...], kind: type[Distribution], aux: Any):
        self.parameters, self.order, self.kind, self.aux = parameters, order, kind, aux

    def tree_flatten(self) -> tuple[tuple[Any, ...], Any]:
        return self.parameters, (self.order, self.kind, self.aux)

    @classmethod
    def tree_unflatten(cls, aux: Any, parameters: tuple[Any, ...]) -> "_Ordered":
        return cls(parameters, *aux)


def _is_distribution(node: Any) -> bool:
    return isinstance(node, Distribution)


def _is_ordered(node: Any) -> bool:
    return isinstance(node, _Ordered)


def _take_apart(node: Any) -> Any:
    if not _is_distribution(node):
        return node
    children, aux = node.tree_flatten()
    names = type(node).gather_pytree_data_fields()
    # A class that flattens itself has an order of its own.
    own = type(node).tree_flatten is not Distribution.tree_flatten
    order = tuple(range(len(children)) if own else sorted(range(len(children)), key=names.__getitem__))
    return _Ordered(tuple(ordered(children[k]) for k in order), order, type(node), aux)


def _rebuild(node: Any) -> Any:
    if not _is_ordered(node):
        return node
    children: list[Any] = [None] * len(node.order)
    for k, parameter in zip(node.order, node.parameters, strict=True):
        children[k] = restored(parameter)
    return node.kind.tree_unflatten(node.aux, tuple(children))


def ordered(tree: Any) -> Any:
    """The tree with its distributions taken apart, so that its leaves have the same order in every process."""
    return jax.tree.map(_take_apart, tree, is_leaf=_is_distribution)


def restored(tree: Any) -> Any:
    """The inverse of :func:`ordered`."""
    return jax.tree.map(_rebuild, tree, is_leaf=_is_ordered)


class Program:
    """A jitted function, called like the function itself."""

    def __init__(self, fn: Callable[..., Any], static: tuple[str, ...]):
        def rebuilt(*args: Any, **kwargs: Any) -> Any:
            args, kwargs = restored((args, kwargs))
            return fn(*args, **kwargs)

        functools.update_wrapper(self, fn)
        self._program = jax.jit(functools.wraps(fn)(rebuilt), static_argnames=static)

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """What the function returns, computed by its compiled program."""
        args, kwargs = ordered((args, kwargs))
        return self._program(*args, **kwargs)

    def lower(self, *args: Any, **kwargs: Any) -> Any:
        """The lowered program for these arguments, as ``jax.jit(fn).lower`` gives it."""
        args, kwargs = ordered((args, kwargs))
        return self._program.lower(*args, **kwargs)

    def _cache_size(self) -> int:
        return self._program._cache_size()  # pyright: ignore[reportAttributeAccessIssue]


def compiled(*static: str) -> Callable[[Callable[..., Any]], Program]:
    """Decorator: ``jax.jit`` with the named arguments static, and the same program in every process.

    For use at module level, so that one structure and shape is compiled once.
    """
    return lambda fn: Program(fn, static)


MANY_MAPPED_REGIONS = 40_000
"""Most of the 65,530 mapped regions that Linux grants a process by default; a page or a test file takes some 10,000."""


def mapped_regions() -> int:
    """Mapped regions of memory of this process; 0 where the system does not tell."""
    maps = Path("/proc/self/maps")
    return maps.read_bytes().count(b"\n") if maps.exists() else 0


def release_programs() -> bool:
    """Let go of JAX's compiled programs if they hold very many mapped regions; for long runs of many different laws.

    Each program maps a few regions, and LLVM crashes on the first one that the system refuses. Programs that are used
    again are compiled again.

    Returns
    -------
    Whether they were let go.
    """
    if mapped_regions() < MANY_MAPPED_REGIONS:
        return False
    jax.clear_caches()
    gc.collect()
    return True
