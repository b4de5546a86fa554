"""Trees of draws on disk: netCDF through h5netcdf, written all or not at all, read without running anything."""

from pathlib import Path
from typing import TYPE_CHECKING

from progressfit.atomic import replacing

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
    with replacing(place) as beside:
        tree.to_netcdf(beside, engine="h5netcdf")
    return place


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
    if "content" in tree.attrs:
        raise ValueError(f"'{place}' holds a fit or draws, not a tree for ArviZ; read it with pf.load")
    if not str(tree.attrs.get("created_by", "")).startswith("progressfit "):
        raise ValueError(f"'{place}' was not written by progressfit.report.save; open it with az.from_netcdf")
    tree.name = tree.attrs.get("name")
    return tree
