"""Named texts and arrays as one netCDF file with a digest of them all; netCDF runs nothing on reading."""

import hashlib
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import numpy as np

from progressfit.atomic import replacing

if TYPE_CHECKING:
    import xarray as xr

FORMAT: Final = 1
_DRAWS: Final = "Draws"
_BY_DRAW: Final = ("values", "objective", "ok", "mode", "sampler")


class Stored(NamedTuple):
    """What a file holds.

    Attributes
    ----------
    content
        What kind of result: "Fit" or "Draws".
    texts
        By name.
    arrays
        By name: the group of the file, a slash, and the name of the variable.
    """

    content: str
    texts: dict[str, str]
    arrays: dict[str, np.ndarray]

    def digest(self) -> str:
        """A digest of every number and letter, whatever the order of the arrays."""
        found = hashlib.blake2b(self.content.encode(), digest_size=16)
        for name, text in sorted(self.texts.items()):
            found.update(f"\0{name}\0{text}".encode())
        for name, array in sorted(self.arrays.items()):
            found.update(f"\0{name}\0{array.dtype.kind}{array.shape}".encode())
            found.update(np.ascontiguousarray(array, _WIDE[array.dtype.kind]).tobytes())
        return found.hexdigest()


_WIDE: Final = {"f": "<f8", "i": "<i8", "u": "<i8", "b": "|u1"}


def write(stored: Stored, path: Path, version: str) -> None:
    """Write a file, all or nothing.

    Raises
    ------
    FileNotFoundError
        If the folder does not exist.
    """
    import xarray as xr

    attrs = {
        "created_by": f"progressfit {version}",
        "content": stored.content,
        "format": FORMAT,
        "digest": stored.digest(),
    }
    texts = {name: ((), np.asarray(text, object)) for name, text in stored.texts.items()}
    groups = {group: xr.Dataset(variables) for group, variables in _groups(stored)}
    tree = xr.DataTree.from_dict({"/": xr.Dataset(texts, attrs=attrs), **groups})
    with replacing(path) as beside:
        tree.to_netcdf(beside, engine="h5netcdf")


def _groups(stored: Stored) -> Iterator[tuple[str, dict[str, Any]]]:
    """Variables by group. Each array has axes of its own, but for the axis of draws, which its group shares."""
    groups: dict[str, dict[str, Any]] = {}
    for name, array in stored.arrays.items():
        group, _, own = name.partition("/")
        dims = [f"{own}_axis_{k}" for k in range(array.ndim)]
        if group == _DRAWS and array.ndim and own.partition(".")[0] in _BY_DRAW:
            dims[0] = "draw"
        groups.setdefault(group, {})[own] = (tuple(dims), array)
    yield from groups.items()


def read(path: Path) -> Stored:
    """What :func:`write` wrote, all of it in memory and unchanged.

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    ValueError
        If the file was not written by :func:`write`, or has been changed since.
    """
    import xarray as xr

    if not path.is_file():
        raise FileNotFoundError(f"there is no file '{path}'")
    try:
        with xr.open_datatree(path, engine="h5netcdf") as opened:
            tree = opened.load()
    except (OSError, ValueError, TypeError, KeyError, RuntimeError) as error:
        raise ValueError(f"'{path}' is not a netCDF file that can be read whole: {error}") from None
    _require_ours(path, tree.attrs)
    stored = _stored(tree)
    if stored.digest() != tree.attrs.get("digest"):
        raise ValueError(f"'{path}' has been changed since it was saved; save the result again")
    return stored


def _require_ours(path: Path, attrs: Any) -> None:
    ours = str(attrs.get("created_by", "")).startswith("progressfit ")
    if ours and "content" not in attrs:
        raise ValueError(f"'{path}' holds a tree for ArviZ, which has no spec in it; read it with pf.report.load")
    if not ours:
        raise ValueError(f"'{path}' was not written by the save method of a fit or of draws")
    if attrs.get("format") != FORMAT:
        raise ValueError(
            f"'{path}' has format {attrs.get('format')}, and this version of progressfit reads format {FORMAT}"
        )


def _stored(tree: "xr.DataTree") -> Stored:
    texts = {str(name): str(variable.values) for name, variable in tree.data_vars.items()}
    arrays = {
        f"{group}/{name}": np.asarray(variable.values)
        for group, node in tree.children.items()
        for name, variable in node.data_vars.items()
    }
    return Stored(str(tree.attrs["content"]), texts, arrays)
