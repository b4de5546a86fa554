"""Traced programs kept on disk, so that the next process neither traces nor lowers them again.

JAX's own cache spares a process the compiling; what then takes its time is running a law's Python code under JAX's
tracers. What a trace depends on is put into words here, all of it: the code of this package, the function, the
structure of its arguments with everything static in it, shapes and types, and JAX's settings. What cannot be put into
words, such as a user's own function, is traced anew in every process.
"""

import contextlib
import functools
import hashlib
import json
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jax
import numpy as np
from jax import export
from jax.core import Tracer
from jax.sharding import Mesh, NamedSharding, PartitionSpec

from progressfit.atomic import replacing
from progressfit.described import UnspokenError, described, described_tree, from_plain, to_plain

SUFFIX = ".traced-cache"
# Where files are kept says nothing about what is computed.
_PLACES = ("jax_compilation_cache_dir",)


@functools.cache
def source_digest() -> str:
    """A fingerprint of this package's code: names, sizes and times of its files."""
    files = sorted(Path(__file__).parent.rglob("*.py"))
    found = [(str(file), file.stat().st_size, file.stat().st_mtime_ns) for file in files]
    return hashlib.blake2b(repr(found).encode()).hexdigest()


def _settings() -> str:
    values = {name: value for name, value in jax.config.values.items() if name not in _PLACES}
    return f"{sorted(values.items())!r} {[device.device_kind for device in jax.local_devices()]}"


class KeptProgram:
    """A program from the folder, for flat arguments; one for several devices gets them on all of these.

    Compiled once for each device, whoever calls first. JAX by itself would compile one program for arguments that are
    bound to a device, as the results of kept programs are, and another for the same arguments unbound.
    """

    def __init__(self, exported: export.Exported, structure: Any):
        def named(*leaves: Any) -> Any:
            return exported.call(*leaves)

        named.__name__ = exported.fun_name
        self._program, self._structure, self._count = jax.jit(named), structure, exported.nr_devices
        self._executables: dict[Any, Any] = {}
        self._compiling = threading.Lock()

    def __call__(self, leaves: list[Any]) -> Any:
        """The result, with its structure."""
        placed = self._placed(leaves)
        return jax.tree.unflatten(self._structure, self._executable(placed)(*placed))

    def compile(self, leaves: list[Any]) -> None:
        """Compile it for arguments like these, without running it."""
        self._executable(self._placed(leaves))

    def release(self) -> None:
        """Let go of what was compiled; it is compiled again when it is called again."""
        with self._compiling:
            self._executables = {}

    def _executable(self, placed: list[Any]) -> Any:
        where = _bound_to(placed)
        found = self._executables.get(where)
        if found is None:
            with self._compiling:
                found = self._executables.get(where) or self._program.lower(*placed).compile()
                self._executables[where] = found
        return found

    def _placed(self, leaves: list[Any]) -> list[Any]:
        if self._count == 1:
            return leaves
        mesh = Mesh(np.asarray(jax.local_devices()[: self._count]), ("all",))
        return jax.device_put(leaves, NamedSharding(mesh, PartitionSpec()))


class TracedPrograms:
    """A folder of traced programs."""

    def __init__(self, folder: Path):
        self._folder = folder
        self._ready: dict[Any, KeptProgram | None] = {}
        # Python runs one thread at a time: two traces at once would only make the first wait for the second.
        self._tracing = threading.RLock()

    def find(self, fn: Callable[..., Any], tree: Any, leaves: list[Any], static: dict[str, Any]) -> KeptProgram | None:
        """``fn`` for flat arguments, from the folder or for it; ``None`` if this call has to be traced.

        Parameters
        ----------
        fn
            A pure function, called with the unflattened arguments and ``static`` as keywords.
        tree, leaves
            Its arguments, flat.
        static
            What it is compiled for.
        """
        types = tuple(map(_type_of, leaves))
        if None in types:
            return None
        key = (fn, tree, types, tuple(static.items()))
        if key not in self._ready:
            with self._tracing:
                if key not in self._ready:
                    self._ready[key] = self._prepare(fn, tree, leaves, types, static)
        return self._ready[key]

    def release(self) -> None:
        """Let go of all compiled programs; the traced ones stay."""
        for one in list(self._ready.values()):
            if one is not None:
                one.release()

    def _prepare(self, fn: Any, tree: Any, leaves: list[Any], types: Any, static: dict[str, Any]) -> KeptProgram | None:
        try:
            words = [source_digest(), _settings(), _name_of(fn), described_tree(tree), repr(types), described(static)]
            digest = hashlib.blake2b("\n".join(words).encode(), digest_size=20).hexdigest()
            place = self._folder / f"{digest}{SUFFIX}"
            return _read(place) or _write(place, fn, tree, leaves, static)
        except UnspokenError:
            return None


def _bound_to(placed: list[Any]) -> Any:
    """The devices that a call with these arguments runs on."""
    committed = [leaf for leaf in placed if isinstance(leaf, jax.Array) and leaf.committed]
    devices = frozenset(device for leaf in committed for device in leaf.sharding.device_set)
    chosen = jax.config.jax_default_device  # pyright: ignore[reportAttributeAccessIssue]
    return devices or frozenset([chosen or jax.local_devices()[0]])


def _name_of(fn: Callable[..., Any]) -> str:
    """The name of a function of this package's modules."""
    if not fn.__module__.startswith(f"{__package__}.") or "<" in fn.__qualname__:
        raise UnspokenError(fn.__qualname__)
    return f"{fn.__module__}.{fn.__qualname__}"


def _type_of(leaf: Any) -> str | None:
    """Shape and type of an argument; ``None`` where a program for it is none of its own."""
    if isinstance(leaf, Tracer) or not isinstance(leaf, jax.Array | np.ndarray | np.generic | float):
        return None
    if isinstance(leaf, jax.Array) and len(leaf.sharding.device_set) > 1:
        return None
    return f"{jax.typeof(leaf)} {getattr(leaf, 'weak_type', False)}"


def _read(place: Path) -> KeptProgram | None:
    try:
        head, body = place.read_bytes().split(b"\n", 1)
        structure = jax.tree.structure(from_plain(json.loads(head)))
        return KeptProgram(export.deserialize(bytearray(body)), structure)
    except FileNotFoundError:
        return None
    except Exception:  # whatever is wrong with the file: it is written again
        place.unlink(missing_ok=True)
        return None


def _write(place: Path, fn: Any, tree: Any, leaves: list[Any], static: dict[str, Any]) -> KeptProgram:
    structures: list[Any] = []

    def flat(*flattened: Any) -> list[Any]:
        args, kwargs = jax.tree.unflatten(tree, flattened)
        found, structure = jax.tree.flatten(fn(*args, **kwargs, **static))
        structures.append(structure)
        return found

    flat.__name__ = fn.__name__
    try:
        exported = export.export(jax.jit(flat))(*map(jax.typeof, leaves))
        head, body = json.dumps(to_plain(structures[0])).encode(), exported.serialize()
    except UnspokenError:
        raise
    except Exception as error:  # not every operation can be written down; whatever else is wrong shows without us too
        raise UnspokenError(str(error)) from error
    # A program that cannot be kept is still a program.
    with contextlib.suppress(OSError), replacing(place) as beside:
        beside.write_bytes(head + b"\n" + body)
    return KeptProgram(exported, structures[0])
