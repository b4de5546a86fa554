"""``jax.jit`` for functions of specs, whose programs are the same in every process.

numpyro lists the parameters of a distribution in the order of a Python set of names, which changes from process to
process. Passed through ``jit`` as they are, the arguments of a program would change places with it, and a persistent
compilation cache would not know the program again. Here they go in the order of their names.
"""

import functools
import gc
import inspect
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jax
from numpyro.distributions import Distribution

from progressfit.traced import KeptProgram, TracedPrograms


@jax.tree_util.register_pytree_node_class
class _Ordered:
    """A distribution taken apart: its parameters and what is static in it, both in the order of their names."""

    def __init__(self, parameters: tuple[Any, ...], kind: type[Distribution], aux: tuple[Any, ...]):
        self.parameters, self.kind, self.aux = parameters, kind, aux

    def tree_flatten(self) -> tuple[tuple[Any, ...], Any]:
        return self.parameters, (self.kind, self.aux)

    @classmethod
    def tree_unflatten(cls, aux: Any, parameters: tuple[Any, ...]) -> "_Ordered":
        return cls(parameters, *aux)


def _is_distribution(node: Any) -> bool:
    return isinstance(node, Distribution)


def _is_ordered(node: Any) -> bool:
    return isinstance(node, _Ordered)


def _has_own_order(kind: type[Distribution]) -> bool:
    """Whether a class of distributions flattens itself, in an order of its own."""
    return kind.tree_flatten is not Distribution.tree_flatten


def _by_name(names: tuple[str, ...], values: Any) -> tuple[Any, ...]:
    return tuple(value for _, value in sorted(zip(names, values, strict=True), key=lambda pair: pair[0]))


def _as_listed(names: tuple[str, ...], values: Any) -> tuple[Any, ...]:
    """The inverse of :func:`_by_name`."""
    found = dict(zip(sorted(names), values, strict=True))
    return tuple(found[name] for name in names)


def _take_apart(node: Any) -> Any:
    if not _is_distribution(node):
        return node
    kind, (children, aux) = type(node), node.tree_flatten()
    if not _has_own_order(kind):
        children = _by_name(kind.gather_pytree_data_fields(), children)
        aux = _by_name(kind.gather_pytree_aux_fields(), aux)
    return _Ordered(tuple(map(ordered, children)), kind, aux)


def _rebuild(node: Any) -> Any:
    if not _is_ordered(node):
        return node
    children, aux = tuple(map(restored, node.parameters)), node.aux
    if not _has_own_order(node.kind):
        children = _as_listed(node.kind.gather_pytree_data_fields(), children)
        aux = _as_listed(node.kind.gather_pytree_aux_fields(), aux)
    return node.kind.tree_unflatten(aux, children)


def ordered(tree: Any) -> Any:
    """The tree with its distributions taken apart, so that its leaves have the same order in every process."""
    return jax.tree.map(_take_apart, tree, is_leaf=_is_distribution)


def restored(tree: Any) -> Any:
    """The inverse of :func:`ordered`."""
    return jax.tree.map(_rebuild, tree, is_leaf=_is_ordered)


_kept: TracedPrograms | None = None


def keep_traced(folder: Path | None) -> None:
    """Keep traced programs in a private folder, for this process and later ones; ``None`` to stop."""
    global _kept
    _kept = None if folder is None else TracedPrograms(folder)


class Program:
    """A jitted function, called like the function itself."""

    def __init__(self, fn: Callable[..., Any], static: tuple[str, ...]):
        def rebuilt(*args: Any, **kwargs: Any) -> Any:
            args, kwargs = restored((args, kwargs))
            return fn(*args, **kwargs)

        functools.update_wrapper(self, fn)
        self._static, self._names = static, tuple(inspect.signature(fn).parameters)
        self._rebuilt = functools.wraps(fn)(rebuilt)
        self._program = jax.jit(self._rebuilt, static_argnames=static)

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """What the function returns, computed by its compiled program."""
        args, kwargs = ordered((args, kwargs))
        kept, leaves = self._find(args, kwargs)
        return self._program(*args, **kwargs) if kept is None else kept(leaves)

    def compile(self, *args: Any, **kwargs: Any) -> None:
        """Compile the program for arguments like these, without running it: a later call need not."""
        args, kwargs = ordered((args, kwargs))
        kept, leaves = self._find(args, kwargs)
        if kept is None:
            self._program.lower(*args, **kwargs).compile()
        else:
            kept.compile(leaves)

    def _find(self, args: Any, kwargs: Any) -> tuple[KeptProgram | None, list[Any]]:
        """The traced program for these arguments, if such are kept, and its flat arguments."""
        if _kept is None:
            return None, []
        named = dict(zip(self._names, args, strict=False)) | kwargs
        static = {name: named.pop(name) for name in self._static if name in named}
        leaves, tree = jax.tree.flatten(((), named))
        return _kept.find(self._rebuilt, tree, leaves, static), leaves

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
    """Let go of compiled programs if they hold very many mapped regions; for long runs of many different laws.

    Each program maps a few regions, and LLVM crashes on the first one that the system refuses. Programs that are used
    again are compiled again.

    Returns
    -------
    Whether they were let go.
    """
    if mapped_regions() < MANY_MAPPED_REGIONS:
        return False
    if _kept is not None:
        _kept.release()
    jax.clear_caches()
    gc.collect()
    return True
