"""Files that are written all or not at all."""

import contextlib
import os
import secrets
from collections.abc import Iterator
from pathlib import Path


@contextlib.contextmanager
def replacing(place: Path, *, shared: bool = False) -> Iterator[Path]:
    """A file beside ``place`` to write to, which takes its place once it is whole and on the disk.

    A crash leaves the old file or the new one.

    Parameters
    ----------
    place
        The file to be written or replaced.
    shared
        Whether others may read it, as far as the user's umask lets them; by default the user alone.

    Raises
    ------
    FileNotFoundError
        If the folder does not exist.
    """
    if not place.parent.is_dir():
        raise FileNotFoundError(f"there is no folder '{place.parent}' to write '{place.name}' to")
    beside = place.with_name(f".{place.name}.{secrets.token_hex(8)}.partial")
    os.close(os.open(beside, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o666 if shared else 0o600))
    try:
        yield beside
        _settle(beside)
        beside.replace(place)
    finally:
        beside.unlink(missing_ok=True)


def _settle(path: Path) -> None:
    """Wait until the file is on the disk: a moved file must not be empty after a power cut."""
    with path.open("rb") as file:
        os.fsync(file.fileno())
