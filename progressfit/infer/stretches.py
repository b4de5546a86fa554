"""A long batch in stretches: one compiled program, run again and again for a part of the members.

In between, an interrupt gets through, whoever watches is told, and what is done can be kept on disk.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import jax
import numpy as np

from progressfit.infer.checkpoint import kept_folder, read, write
from progressfit.infer.devices import Plan
from progressfit.infer.watch import activity

_SHORTEST, _STRETCH = 64, 512
_FILLED = 4
"""Chunks of every device in a stretch, at least: on an accelerator a stretch still fills it."""


def by_stretches(
    program: Callable[[Any], Any], members: Any, plan: Plan, what: str, run: Callable[[], str] | None = None
) -> Any:
    """``program(members)``, a stretch of the members at a time.

    Parameters
    ----------
    program
        From members (a tree of arrays with a leading axis) to results with the same leading axis; no member's result
        depends on another's.
    members
        All of them.
    plan
        How the program spreads a batch.
    what
        The work in words, for whoever watches.
    run
        The fingerprint of the whole batch; asked for only where results are being kept, see
        :func:`progressfit.keep_partial`. Without it nothing is kept.

    Returns
    -------
    The results of all members, NumPy arrays. Stretches are equally long, so that one program serves, and of few
    different lengths, so that it serves other batches too; the last one is filled up with copies of the last member.
    """
    count = int(jax.tree.leaves(members)[0].shape[0])
    length = stretch_length(count, plan)
    pieces = -(-count // length)
    folder = kept_folder() if run is not None else None
    name = run() if folder is not None and run is not None else ""
    found = []
    with activity(what, count) as done:
        for piece in range(pieces):
            index = np.minimum(np.arange(piece * length, (piece + 1) * length), count - 1)
            own = members if length == count else _taken(members, index)
            found.append(_kept(program, own, folder, f"{name}-{piece}"))
            done(min((piece + 1) * length, count) - piece * length)
    return jax.tree.map(lambda *parts: np.concatenate(parts)[:count], *found)


def stretch_length(count: int, plan: Plan) -> int:
    """Members of each stretch of a batch of ``count``."""
    most = max(_STRETCH, _FILLED * plan.chunk * plan.devices)
    pieces = -(-count // most)
    return _padded(-(-count // pieces), most)


@jax.jit
def _taken(members: Any, index: jax.Array | np.ndarray) -> Any:
    return jax.tree.map(lambda leaf: leaf[index], members)


def _padded(length: int, most: int) -> int:
    """A power of two that holds the length, from the shortest up to the longest stretch; a very short one as it is."""
    return min(1 << (length - 1).bit_length(), most) if length >= _SHORTEST else length


def _kept(program: Callable[[Any], Any], members: Any, folder: Path | None, name: str) -> Any:
    """The results of one stretch: from the folder if they are there, else computed and put there."""
    if folder is None:
        return jax.tree.map(np.asarray, program(members))
    path = folder / f"{name}.npz"
    if path.exists():
        return read(path, name, jax.eval_shape(program, members))
    found = jax.tree.map(np.asarray, program(members))
    write(path, name, found)
    return found
