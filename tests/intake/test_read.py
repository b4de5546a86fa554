"""Files of any kind: a frame, or one sentence that says what is wrong and what to do."""

import csv
import io
import sys
from decimal import Decimal
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from progressfit.frame import TableError
from progressfit.intake.csv_text import LINE
from progressfit.intake.read import place_number, read_table

QUIET = settings(max_examples=60, deadline=None, derandomize=True)


def piped(data: bytes) -> pd.DataFrame:
    """What ``-`` reads from these bytes."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "stdin", SimpleNamespace(buffer=io.BytesIO(data)))
        return read_table("-")


HOSTILE = {
    "utf-16": ("a,b\n1,2\n".encode("utf-16"), ["UTF-16", "save it as CSV in UTF-8"]),
    "utf-16 without mark": ("a,b\n1,2\n".encode("utf-16-le"), ["zero byte in line 1 (byte 1)"]),
    "latin-1": ("a,b\n1,2\nM\u00fcller,3\n".encode("latin-1"), ["not UTF-8", "0xfc, in line 3", "Latin-1"]),
    "mixed": ("a\n\u00e9\n".encode() + "\u00e9\n".encode("latin-1"), ["mixes encodings", "byte 5, 0xe9, in line 3"]),
    "mixed behind a mark": (b"\xef\xbb\xbfa\n\xff\n", ["byte 5, 0xff, in line 2"]),
    "zero bytes": (b"a,b\n1,\0\n", ["zero byte in line 2 (byte 6)"]),
    "spreadsheet": (b"PK\x03\x04rest", ["spreadsheet", "save the sheet as CSV"]),
    "gzip": (b"\x1f\x8b\x08\x00", ["compressed (gzip)", "unpack"]),
    "web page": (b"  <!DOCTYPE html><p>", ["web page"]),
    "empty": (b"", ["is empty"]),
    "unbalanced quote": (b'a,b\n1,2\n3,"4\n5,6\n', ["row that starts on line 3", "never closed"]),
    "text behind a quote": (b'a,b\n1,"2"x\n', ["line 2", "after a closing double quote"]),
    "a million columns": (b",".join(b"c%d" % i for i in range(10**6)) + b"\n", ["1,000,000 columns", "at most 10,000"]),
    "a huge cell": (b"a,b\n1,2\n3," + b"x" * 10**8 + b"\n", ["starts on line 3", "131,072 characters"]),
    "repeated header": (b"a,b,a\n1,2,3\n", ["more than one column named 'a'"]),
    "no header": (b"1,2\n3,4\n", ["starts with numbers"]),
    "kept name": (LINE.encode() + b",b\n1,2\n", ["kept for the lines"]),
    "damaged parquet": (b"PAR1" + b"x" * 40 + b"PAR1", ["damaged Parquet"]),
}


@pytest.mark.parametrize("what", HOSTILE)
def test_hostile_files_are_refused_in_a_sentence(what):
    data, said = HOSTILE[what]
    with pytest.raises(TableError) as caught:
        piped(data)
    text = str(caught.value)
    assert "\n" not in text and len(text) < 400
    for part in said:
        assert part in text, text


def test_line_ends_blank_headers_and_huge_numbers():
    frame = piped(b"\xef\xbb\xbfa,,b\r1,x,1e400\r2,y," + b"9" * 5000 + b"\r")
    assert list(frame.columns) == ["a", "column 2", "b", LINE] and list(frame["a"]) == [1, 2]
    assert np.isinf(frame["b"]).all() and list(frame[LINE]) == ["line 2", "line 3"]


def test_text_is_kept_as_text():
    """Formula cells, HTML, control characters and dates: nothing is run, turned or lost."""
    cells = ["=cmd|' /C calc'!A0", "<script>x</script>", "\x1b[31mred", "2019-05", "1_000", "\u0661"]
    frame = piped(("name\n" + "\n".join(f'"{cell}"' for cell in cells) + "\n").encode())
    assert list(frame["name"]) == cells


def test_columns_are_flags_numbers_or_text():
    frame = piped(b"i,f,t,x,n\n1,1,true,a,\n2,.5,False,,\n")
    assert frame["i"].dtype == np.int64 and frame["f"].dtype == np.float64 and frame["t"].dtype == bool
    assert list(frame["x"]) == ["a", None] and frame["n"].isna().all()


def test_parquet_with_lists_categories_decimals_and_dates(tmp_path):
    table = pa.table(
        {
            "loss": pa.array([2.5, None]),
            "kind": pa.array(["a", "b"]).dictionary_encode(),
            "list": pa.array([[1, 2], None]),
            "cost": pa.array([Decimal("1.5"), Decimal("2.25")]),
            "date": pa.array([18000, 18001], pa.date32()),
        }
    )
    pq.write_table(table, tmp_path / "runs.csv")
    frame = read_table(tmp_path / "runs.csv")
    assert list(frame["kind"]) == ["a", "b"] and list(frame["list"]) == ["[1, 2]", None]
    assert list(frame["cost"]) == [1.5, 2.25] and str(frame["date"][0]) == "2019-04-14"
    assert [place_number(place) for place in frame[LINE]] == [0, 1]


@QUIET
@given(st.binary(max_size=200))
def test_any_bytes_give_a_frame_or_a_sentence(data):
    for start in (b"", b"a,b\n", b"PAR1"):
        try:
            frame = piped(start + data)
        except TableError as error:
            assert str(error)
        else:
            assert frame.columns[-1] == LINE and frame.columns.is_unique


@QUIET
@given(
    st.lists(
        st.tuples(
            st.floats(allow_nan=False, allow_infinity=False),
            st.integers(-(2**58), 2**58),
            st.text(st.characters(codec="utf-8", exclude_characters="\0"), min_size=1, max_size=10).map(
                lambda t: f"<{t}>"
            ),
        ),
        min_size=1,
        max_size=8,
    )
)
def test_written_frames_come_back(rows):
    frame = pd.DataFrame(rows, columns=["x", "i", "t"])
    back = piped(frame.to_csv(index=False, quoting=csv.QUOTE_NONNUMERIC).encode())
    assert list(back["i"]) == list(frame["i"]) and list(back["t"]) == list(frame["t"])
    np.testing.assert_array_equal(back["x"], frame["x"])
    file = io.BytesIO()
    frame.to_parquet(file)
    np.testing.assert_array_equal(piped(file.getvalue())["x"], frame["x"])
