"""Files that are written all or not at all."""

import contextlib
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path


@contextlib.contextmanager
def replacing(place: Path) -> Iterator[str]:
    """A file beside ``place`` to write to, which takes its place once it is whole and on the disk.

    A crash leaves the old file or the new one.

    Raises
    ------
    FileNotFoundError
        If the folder does not exist.
    """
    if not place.parent.is_dir():
        raise FileNotFoundError(f"there is no folder '{place.parent}' to write '{place.name}' to")
    handle, beside = tempfile.mkstemp(prefix=f".{place.name}.", suffix=".partial", dir=place.parent)
    os.close(handle)
    try:
        yield beside
        _settle(Path(beside))
        Path(beside).replace(place)
    finally:
        Path(beside).unlink(missing_ok=True)


def _settle(path: Path) -> None:
    """Wait until the file is on the disk: a moved file must not be empty after a power cut."""
    with path.open("rb") as file:
        os.fsync(file.fileno())
