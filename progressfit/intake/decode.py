"""Bytes of a file as text, or a sentence about what they are instead."""

import codecs
from typing import Final

from progressfit.frame import TableError

# What a file starts with, what that is, and what to do.
_MAGIC: Final = (
    (codecs.BOM_UTF32_LE, "UTF-32 text", "save it as CSV in UTF-8"),
    (codecs.BOM_UTF32_BE, "UTF-32 text", "save it as CSV in UTF-8"),
    (codecs.BOM_UTF16_LE, "UTF-16 text", "save it as CSV in UTF-8 (spreadsheets call it 'CSV UTF-8')"),
    (codecs.BOM_UTF16_BE, "UTF-16 text", "save it as CSV in UTF-8 (spreadsheets call it 'CSV UTF-8')"),
    (
        b"PK\x03\x04",
        "a spreadsheet file (.xlsx, .ods) or a ZIP archive",
        "save the sheet as CSV, or unpack the archive",
    ),
    (b"\xd0\xcf\x11\xe0", "an old spreadsheet file (.xls)", "save the sheet as CSV"),
    (b"\x1f\x8b", "compressed (gzip)", "unpack it"),
    (b"BZh", "compressed (bzip2)", "unpack it"),
    (b"\xfd7zXZ\x00", "compressed (xz)", "unpack it"),
    (b"\x28\xb5\x2f\xfd", "compressed (zstd)", "unpack it"),
    (b"%PDF", "a PDF", "give the table behind it as CSV"),
    (b"SQLite format 3\x00", "a database", "export the table as CSV"),
)
_PAGES: Final = (b"<!doctype html", b"<html")
_LOOK: Final = 512


def decode(data: bytes, name: str) -> str:
    """The text of a CSV file: UTF-8, with or without a byte order mark.

    Raises
    ------
    TableError
        If the bytes are something else, with the line and byte that say so.
    """
    _require_text(data, name)
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        # With a byte order mark, positions are counted behind it.
        start = error.start + (len(codecs.BOM_UTF8) if data.startswith(codecs.BOM_UTF8) else 0)
        raise TableError(_not_utf8(data, start, name)) from None


def _require_text(data: bytes, name: str) -> None:
    for magic, what, remedy in _MAGIC:
        if data.startswith(magic):
            raise TableError(f"'{name}' is {what}, not a CSV file in UTF-8; {remedy}")
    if data[:_LOOK].lstrip().lower().startswith(_PAGES):
        raise TableError(f"'{name}' is a web page, not a CSV file; download the table itself")
    at = data.find(b"\0")
    if at >= 0:
        raise TableError(
            f"'{name}' has a zero byte in line {_line(data, at)} (byte {at}), so it is no text file, or one in UTF-16; "
            "save the table as CSV in UTF-8"
        )


def _not_utf8(data: bytes, at: int, name: str) -> str:
    where = f"byte {at}, 0x{data[at]:02x}, in line {_line(data, at)} cannot be read"
    if not data[:at].isascii():
        return (
            f"'{name}' is not UTF-8 text throughout: {where}, though text before it is UTF-8 beyond plain letters; the "
            "file mixes encodings, as files joined from several sources do: correct that line, or join them again in "
            "UTF-8"
        )
    return f"'{name}' is not UTF-8 text ({where}); it may be in Latin-1 or Windows-1252: save the table as CSV in UTF-8"


def _line(data: bytes, at: int) -> int:
    before = data[:at]
    # Old files end their lines with a carriage return alone.
    return 1 + (before.count(b"\n") or before.count(b"\r"))
