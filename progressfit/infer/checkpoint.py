"""Long runs kept on disk as plain arrays, so that a run killed at any moment goes on where it was."""

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from pathlib import Path
from typing import Any

import jax
import numpy as np

from progressfit.atomic import replacing
from progressfit.compiled import ordered

_folder: ContextVar[Path | None] = ContextVar("folder", default=None)


@contextmanager
def keep_partial(folder: str | Path | None) -> Iterator[None]:
    """Within the block, bootstraps and posteriors keep what is done in a folder, and go on from what they find there.

    A run that was interrupted or killed is started again with the same arguments (same table, spec, key and
    settings), and ends with the same numbers. Files of other runs do no harm; the folder can be removed at any time.

    Parameters
    ----------
    folder
        Where to keep it; made if it does not exist. ``None`` keeps nothing.
    """
    before = _folder.set(None if folder is None else Path(folder))
    try:
        yield
    finally:
        _folder.reset(before)


def kept_folder() -> Path | None:
    """Where results are being kept, if anywhere."""
    return _folder.get()


def fingerprint(*trees: Any) -> str:
    """A digest of all numbers, random keys and words of some trees: equal runs, equal digest."""
    found = hashlib.blake2b(digest_size=16)
    for leaf in jax.tree.leaves(ordered(trees)):
        array = _plain(leaf)
        found.update(f"{array.dtype}{array.shape}".encode())
        found.update(np.ascontiguousarray(array).tobytes())
    return found.hexdigest()


def _plain(leaf: Any) -> np.ndarray:
    if isinstance(leaf, str):
        return np.frombuffer(leaf.encode(), np.uint8)
    if isinstance(leaf, jax.Array) and jax.numpy.issubdtype(leaf.dtype, jax.dtypes.prng_key):
        return np.asarray(jax.random.key_data(leaf))
    return np.asarray(leaf)


def write(path: Path, run: str, tree: Any) -> None:
    """Replace the file by one that holds the arrays of a tree, all or nothing.

    Parameters
    ----------
    path
        Where to write.
    run
        The fingerprint of the run.
    tree
        Arrays and random keys; its structure is not written.
    """
    arrays = {f"leaf{i}": _plain(leaf) for i, leaf in enumerate(jax.tree.leaves(tree))}
    path.parent.mkdir(parents=True, exist_ok=True)
    with replacing(path) as beside, beside.open("wb") as file:
        np.savez(file, run=np.asarray(run), **arrays)  # pyright: ignore[reportArgumentType]


def read(path: Path, run: str, like: Any) -> Any:
    """The tree that :func:`write` put there, in the structure (and with the kinds of random keys) of ``like``.

    Returns
    -------
    The tree, or ``None`` if there is no file.

    Raises
    ------
    ValueError
        If the file is not a checkpoint, or belongs to another run.
    """
    if not path.exists():
        return None
    try:
        with np.load(path, allow_pickle=False) as file:
            own = {name: file[name] for name in file.files}
    except (OSError, ValueError) as error:
        raise ValueError(f"{path} is not a checkpoint of this package; give another file or remove it") from error
    leaves, structure = jax.tree.flatten(like)
    if str(own.pop("run", "")) != run or len(own) != len(leaves):
        raise ValueError(
            f"{path} belongs to another run (other spec, table, key or settings); give another file or remove it"
        )
    return jax.tree.unflatten(structure, [_restored(own[f"leaf{i}"], leaf) for i, leaf in enumerate(leaves)])


def _restored(array: np.ndarray, like: Any) -> Any:
    if isinstance(like, jax.Array) and jax.numpy.issubdtype(like.dtype, jax.dtypes.prng_key):
        return jax.random.wrap_key_data(jax.numpy.asarray(array), impl=jax.random.key_impl(like))
    return array
