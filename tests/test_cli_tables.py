"""Tables as people have them, through the public commands: ``check`` and ``fit``, a download to an answer."""

import io
import json
import sys
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest

import progressfit as pf
from progressfit.cli import main

CHINCHILLA = Path(pf.datasets.__file__).parent / "chinchilla.csv"
DIRTY = {
    4: ("Training compute (FLOP)", "3640 PF-days"),
    15: ("Publication date", "03/04/2019"),
    26: ("Top-1 accuracy", "n/a"),
    37: ("Training dataset size (datapoints)", ""),
    48: ("Training compute (FLOP)", ">1e20"),
}


@pytest.fixture(autouse=True)
def one_device(monkeypatch):
    """JAX has started by now; the command may not ask for other devices."""
    monkeypatch.setenv("JAX_NUM_CPU_DEVICES", "1")


def epoch_table() -> pd.DataFrame:
    """The ImageNet table as a download has it: other names, partial dates, bounds, per cents, 5% dirty cells."""
    data = pf.datasets.imagenet()
    records, n = data.records.columns, len(data)
    compute = np.asarray(records["compute"])
    year = np.floor(np.asarray(records["date"]))
    month = np.minimum(12, 1 + np.floor(12 * (np.asarray(records["date"]) - year)))
    dates = [
        f"{int(y)}-{int(m):02d}" if i % 3 else f"{int(y)}" for i, (y, m) in enumerate(zip(year, month, strict=True))
    ]
    frame = pd.DataFrame(
        {
            "Model": [f"model {i}" for i in range(n)],
            "Domain": "Vision",
            "Publication date": dates,
            "Top-1 accuracy": [f"{100 * y:.12g}" for y in np.asarray(data.response)],
            "Training compute (FLOP)": [f"{c:.3g}".replace("e+", " \u00d7 10^") for c in compute],
            "Training dataset size (datapoints)": [f"{int(d):,}" for d in np.asarray(records["data"])],
            "Confidence": [("Confident", "Likely", "Speculative", "")[i % 4] for i in range(n)],
            "Training compute lower bound": [f"{c / 2:.3g}" if i % 5 == 0 else "" for i, c in enumerate(compute)],
            "Training compute upper bound": [f"{2 * c:.3g}" if i % 5 == 0 else "" for i, c in enumerate(compute)],
        }
    )
    frame.loc[0, "Model"] = "=cmd|' /C calc'!A0"
    frame.loc[1, "Model"] = "<script>alert(1)</script>\x1b[2J"
    for row, (column, cell) in DIRTY.items():
        frame.loc[row, column] = cell
    return frame


@pytest.fixture(scope="module")
def epoch(tmp_path_factory):
    path = tmp_path_factory.mktemp("downloads") / "epoch.csv"
    epoch_table().to_csv(path, index=False)
    return path


EPOCH = ["--law", "erdil_besiroglu", "--response", "Top-1 accuracy"]


def test_a_download_is_refused_with_its_dirty_cells_by_row(epoch, capsys):
    assert main(["fit", str(epoch), *EPOCH]) == 2
    shown = capsys.readouterr()
    assert shown.out == "" and "5 cells, in 5 of 97 rows" in shown.err and "--lenient" in shown.err
    for row, (column, cell) in DIRTY.items():
        (line,) = [line for line in shown.err.splitlines() if f"line {row + 2} (model {row}): '{column}'" in line]
        assert (cell or "no value") in line or "no value" in line
    assert main(["check", str(epoch), *EPOCH, "--json"]) == 2
    found = json.loads(capsys.readouterr().out)
    assert found["rows"] == 97 and found["usable"] == 92
    assert [(cell["row"], cell["column"]) for cell in found["errors"]] == [(i + 2, c) for i, (c, _) in DIRTY.items()]


def test_a_download_goes_to_an_answer_in_one_command(epoch, capsys, tmp_path):
    out = tmp_path / "report"
    status = main(["fit", str(epoch), *EPOCH, "--lenient", "--starts", "16", "--json", "--out", str(out)])
    shown = capsys.readouterr()
    found = json.loads(shown.out)
    assert status in (0, 1) and found["n"] == 92 and (out / "fit.json").exists(), shown.err
    assert [(cell["row"], cell["column"]) for cell in found["dropped"]] == [(i + 2, c) for i, (c, _) in DIRTY.items()]
    said = " ".join(found["settings"]["recognised"])
    for part in ("'compute'", "'data'", "'date'", "per cent", "partial dates", "compute_log10_sd"):
        assert part in said
    assert "5 of 97 rows left out, because of 5 cells" in shown.err and "\x1b" not in shown.err
    rates = [found["derived"][f"growth_rate/{name}"] for name in ("compute", "data")]
    assert rates[0] > 0 and np.isfinite(rates).all()


def test_the_text_says_which_rows_were_left_out(epoch, capsys):
    assert main(["check", str(epoch), *EPOCH, "--lenient"]) == 1
    shown = capsys.readouterr().out
    assert shown.startswith("92 of 97 rows can be used.") and "5 of 97 rows left out" in shown and "\x1b" not in shown


def test_the_published_optimum_by_the_public_command_alone(capsys):
    """Besiroglu et al. 2024: 240 points; with all 245 another optimum. Published to eleven and eight decimals."""
    command = ["fit", str(CHINCHILLA), "--law", "chinchilla", "--response", "loss", "--noise", "huber:1e-3"]
    command += ["--link", "log", "--mle", "--json"]
    for where, n, published, decimals in (
        (["--where", "used_in_fit=true"], 240, 0.00101827402, 11),
        ([], 245, 0.00182601, 8),
    ):
        status = main([*command, *where])
        found = json.loads(capsys.readouterr().out)
        assert status == 0 and found["n"] == n
        assert abs(found["objective"] - published) <= 0.5 * 10.0**-decimals
        assert found["dropped"] == [] and "column 'tokens' is taken as 'data'" in found["settings"]["recognised"]


def test_check_without_a_law_and_a_clean_table(tmp_path, capsys):
    path = tmp_path / "runs.parquet"
    pd.DataFrame({"loss": [2.0, 2.5], "tokens": [1e9, 2e9], "parameters": [1e8, 2e8]}).to_parquet(path)
    assert main(["check", str(path)]) == 0
    assert "2 of 2 rows can be used." in capsys.readouterr().out
    assert main(["check", str(path), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["columns"] == {"data": "tokens", "parameters": "parameters"}
    assert main(["check", str(path), "--law", "chinchilla", "--response", "loss", "--mle"]) == 2
    assert "2 rows for 5 free parameters" in capsys.readouterr().out
    assert main(["check", str(path), "--law", "chinchilla"]) == 0
    capsys.readouterr()
    (tmp_path / "other.csv").write_text("x,y\n1,2\n3,4\n")
    assert main(["check", str(tmp_path / "other.csv")]) == 1
    assert "No column was recognised" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("more", "said"),
    [
        (["--response-unit", "kilos"], "no response unit 'kilos'"),
        (["--input-unit", "compute=log10"], "'compute' is no input here"),
        (["--input-unit", "data=log2"], "no unit 'log2'"),
    ],
)
def test_units_that_do_not_exist_are_refused(more, said, capsys):
    assert main(["fit", str(CHINCHILLA), "--law", "chinchilla", "--response", "loss", *more]) == 2
    shown = capsys.readouterr().err
    assert said in shown and shown.count("\n") == 1


@pytest.mark.parametrize("command", ["fit", "check"])
@pytest.mark.parametrize("data", [b"", b"\0\1\2", b"PAR1", b'a,"b\n', b"a\n\xff\n", b"\x1b[2J,b\n1\n"])
def test_hostile_input_from_a_pipe_is_a_sentence(command, data, capsys, monkeypatch):
    monkeypatch.setattr(sys, "stdin", SimpleNamespace(buffer=io.BytesIO(data)))
    assert main([command, "-", "--law", "chinchilla", "--response", "loss"]) == 2
    shown = capsys.readouterr()
    assert shown.out == "" and shown.err.startswith("progressfit: ") and "\x1b" not in shown.err


def test_the_baseline_says_which_inputs_it_was_not_given(tmp_path, capsys):
    path = tmp_path / "runs.csv"
    path.write_text("acc,compute,date\n0.5,1e20,2019-01-02\n0.6,1e21,2020-01-02\n")
    command = ["check", str(path), "--law", "linear", "--response", "acc"]
    assert "reads no input" in (main(command), capsys.readouterr().out)[1]
    assert "reads no input" not in (main([*command, "--input", "compute=compute"]), capsys.readouterr().out)[1]
