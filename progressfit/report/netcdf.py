"""Trees of draws on disk: netCDF through h5netcdf, written all or not at all, read without running anything."""

import os
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import xarray as xr


def save(tree: "xr.DataTree", path: str | Path) -> Path:
    """Write a tree of :func:`progressfit.report.arviz` as one netCDF file.

    The file is written beside its place and then moved there, so that a crash leaves the old file or the new one.

    Returns
    -------
    The file.

    Raises
    ------
    TypeError
        If what is given is not a tree.
    FileNotFoundError
        If the folder does not exist.
    """
    if not hasattr(tree, "to_netcdf") or not hasattr(tree, "children"):
        raise TypeError(
            f"save writes the tree that pf.report.arviz(draws, data, key=...) returns, not a {type(tree).__name__}"
        )
    place = Path(path)
    if not place.parent.is_dir():
        raise FileNotFoundError(f"there is no folder '{place.parent}' to write '{place.name}' to")
    handle, beside = tempfile.mkstemp(prefix=f".{place.name}.", suffix=".partial", dir=place.parent)
    os.close(handle)
    try:
        tree.to_netcdf(beside, engine="h5netcdf")
        _settle(beside)
        Path(beside).replace(place)
    finally:
        Path(beside).unlink(missing_ok=True)
    return place


def _settle(path: str) -> None:
    """Wait until the file is on the disk: a moved file must not be empty after a power cut."""
    with Path(path).open("rb") as file:
        os.fsync(file.fileno())


def load(path: str | Path) -> "xr.DataTree":
    """Read a tree that :func:`save` wrote, all of it into memory.

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    ValueError
        If the file is not netCDF, or was not written by :func:`save`.
    """
    import xarray as xr

    place = Path(path)
    if not place.is_file():
        raise FileNotFoundError(f"there is no file '{place}'")
    try:
        with xr.open_datatree(place, engine="h5netcdf") as opened:
            tree = opened.load()
    except (OSError, ValueError, TypeError, KeyError) as error:
        raise ValueError(f"'{place}' is not a netCDF file that can be read whole: {error}") from error
    if not str(tree.attrs.get("created_by", "")).startswith("progressfit "):
        raise ValueError(f"'{place}' was not written by progressfit.report.save; open it with az.from_netcdf")
    tree.name = tree.attrs.get("name")
    return tree
