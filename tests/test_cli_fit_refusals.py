"""``progressfit fit`` refuses bad input in a sentence: exit status 2, nothing written."""

import subprocess
import sys

import pytest
from own_table import arguments, runs

from progressfit.cli import main
from progressfit.laws.chinchilla import LETTERS


@pytest.fixture(autouse=True)
def one_device(monkeypatch):
    """JAX has started by now; the command may not ask for other devices."""
    monkeypatch.setenv("JAX_NUM_CPU_DEVICES", "1")


@pytest.fixture(scope="module")
def table(tmp_path_factory):
    path = tmp_path_factory.mktemp("tables") / "runs.csv"
    runs().to_csv(path, index=False)
    return path


# What is given, and what the sentence has to say.
REFUSED = {
    "unknown law": (["--law", "chinchila"], ["there is no law 'chinchila'", "did you mean 'chinchilla'"]),
    "no law": (["--law"], ["--law is missing"]),
    "no response": (["--response"], ["--response is missing"]),
    "unknown response": (["--response", "los"], ["--response", "no column 'los'", "did you mean 'loss'"]),
    "unknown input column": (["+", "--input", "parameters=Parameters"], ["--input parameters", "'parameters'"]),
    "input without column": (
        ["--law", "erdil_besiroglu", "--input"],
        ["reads 'compute'", "--input compute=COLUMN", "tokens"],
    ),
    "input not a pair": (["+", "--input", "parameters"], ["--input 'parameters' is not of the form NAME=COL"]),
    "input twice": (["+", "--input", "data=loss"], ["--input names 'data' twice"]),
    "law twice": (["+", "--law", "kaplan"], ["--law is given 2 times"]),
    "text as input": (["--input", "data=paper"], ["'paper'", "row 0 (line 2)"]),
    "unknown cluster": (["+", "--cluster", "lab"], ["--cluster", "no column 'lab'"]),
    "one cluster": (["+", "--cluster", "one"], ["'one' has one cluster only"]),
    "unknown weights": (["+", "--weights", "wheight"], ["--weights", "did you mean 'weight'"]),
    "where without column": (["+", "--where", "use=true"], ["--where", "did you mean 'used'"]),
    "where leaves nothing": (["+", "--where", "paper=paper 9"], ["leaves no row", "paper 0"]),
    "where leaves one row": (["+", "--where", "version=1"], ["one row"]),
    "unknown path to fix": (["+", "--fix", "E=1.8"], ["no parameter 'E'", "irreducible", "size.exponent"]),
    "unknown path of a prior": (["+", "--prior", "E=normal(0, 1)"], ["--prior", "no parameter 'E'", "irreducible"]),
    "fix to text": (["+", "--fix", "irreducible=high"], ["--fix irreducible", "'high' is not a finite number"]),
    "fix to infinity": (["+", "--fix", "irreducible=inf"], ["'inf' is not a finite number"]),
    "fix out of range": (["+", "--fix", "irreducible=-1"], ["-1 lies outside", "has to be positive"]),
    "fix and prior": (
        ["+", "--fix", "irreducible=1", "--prior", "irreducible=lognormal(0, 1)"],
        ["'irreducible' is given to both --fix and --prior"],
    ),
    "prior is code": (
        ["+", "--prior", "irreducible=open('x').read()"],
        ["is not a prior; write one of normal(mean, sd)"],
    ),
    "unknown prior": (["+", "--prior", "irreducible=norml(0, 1)"], ["no prior 'norml'", "lognormal"]),
    "prior with too few": (["+", "--prior", "irreducible=normal(0)"], ["1 argument, not 2", "normal(mean, sd)"]),
    "prior of no width": (["+", "--prior", "irreducible=lognormal(0, 0)"], ["log_sd is 0", "positive"]),
    "prior out of range": (["+", "--prior", "irreducible=normal(0, 1)"], ["outside the range", "positive"]),
    "noise": (["+", "--noise", "hubert:1e-3"], ["--noise 'hubert:1e-3' is not one of", "huber:D"]),
    "huber without knee": (["+", "--noise", "huber"], ["--noise 'huber'", "D is the knee"]),
    "knee of zero": (["+", "--noise", "huber:0"], ["has to be positive"]),
    "link": (["+", "--link", "logg"], ["no link 'logg'", "did you mean 'log'"]),
    "wrong link": (["+", "--link", "logit"], ["domain of the logit link", "'loss'"]),
    "no starts": (["+", "--starts", "0"], ["--starts '0' is not a whole number from 1 up"]),
    "negative starts": (["+", "--starts", "-3"], ["--starts '-3'"]),
    "grid of another law": (["--law", "kaplan", "--starts", "grid"], ["'kaplan' has no published grid"]),
    "replicates": (["+", "--bootstrap", "1e3"], ["--bootstrap '1e3' is not a whole number"]),
    "level": (["+", "--level", "95"], ["--level '95' is not a fraction"]),
    "seed": (["+", "--seed", "one"], ["--seed 'one'"]),
    "budget": (["+", "--compute", "nan"], ["--compute 'nan'"]),
    "sampling a likelihood": (["+", "--sample", "--mle"], ["--sample", "needs priors", "--bootstrap"]),
    "two kinds of intervals": (["+", "--sample", "--bootstrap", "9"], ["--sample and --bootstrap", "give one"]),
    "no date": (["--law", "linear"], ["reads 'date'", "--date COLUMN"]),
    "everything fixed": (
        ["+", *(part for path in LETTERS.values() for part in ("--fix", f"{path}=1"))],
        ["nothing to fit"],
    ),
}


def changed(table, given: list[str]) -> list[str]:
    """The plain command with options added after "+", else replaced; an option without a value is left out."""
    base = arguments(table)
    if given[0] == "+":
        return [*base, *given[1:]]
    for i in range(0, len(given), 2):
        if given[i] in base:
            at = base.index(given[i])
            del base[at : at + 2]
        base += given[i : i + 2] if len(given) > i + 1 else []
    return base


@pytest.mark.parametrize("what", REFUSED)
def test_bad_options_are_refused_in_a_sentence(what, table, capsys, tmp_path):
    given, said = REFUSED[what]
    out = tmp_path / "out"
    status = main([*changed(table, given), "--out", str(out)])
    shown = capsys.readouterr()
    assert status == 2 and shown.out == "" and not out.exists()
    assert shown.err.startswith("progressfit: ") and shown.err.count("\n") == 1
    for part in said:
        assert part in shown.err, shown.err


def corrupted(column: str, value: str) -> str:
    """The table as text, the third row's cell replaced."""
    rows = runs().astype(object)
    rows.loc[2, column] = value
    return rows.to_csv(index=False)


TABLES = {
    "empty": (b"", ["is empty"]),
    "header only": (b"parameters,tokens,loss\n", ["no rows"]),
    "semicolons": (b"parameters;tokens;loss\n1;2;3\n", ["not separated by commas"]),
    "ragged": (b"parameters,tokens,loss\n1,2,3\n1,2,3,4\n", ["line 3: 4 cells", "3 columns"]),
    "unclosed quote": (b'parameters,tokens,loss\n1,2,"3\n', ["not a CSV file"]),
    "same column twice": (b"parameters,tokens,loss,loss\n1,2,3,4\n", ["more than one column named 'loss'"]),
    "encoding": ("parameters,tokens,loss,töken\n1,2,3,4\n".encode("latin-1"), ["not UTF-8"]),
    "text in a cell": (corrupted("tokens", "many").encode(), ["'tokens'", "line 4", "'many'"]),
    "blank cell": (corrupted("loss", "").encode(), ["'loss' has no value in row 2 (line 4)"]),
    "negative loss": (corrupted("loss", "-2.5").encode(), ["domain of the log link", "line 4", "-2.5"]),
    "infinite loss": (corrupted("loss", "inf").encode(), ["'loss'", "line 4"]),
    "no size": (corrupted("parameters", "0").encode(), ["'parameters' is zero or negative", "line 4"]),
    "few rows": (runs()[:3].to_csv(index=False).encode(), ["3 rows for 5 free parameters"]),
}


@pytest.mark.parametrize("what", TABLES)
def test_bad_tables_are_refused_in_a_sentence(what, tmp_path, capsys):
    content, said = TABLES[what]
    path = tmp_path / "runs.csv"
    path.write_bytes(content)
    status = main(arguments(path, "--mle"))
    shown = capsys.readouterr()
    assert status == 2 and shown.out == "" and path.read_bytes() == content
    assert shown.err.startswith("progressfit: ") and shown.err.count("\n") == 1
    for part in said:
        assert part in shown.err, shown.err


def test_unreadable_files_and_folders(table, tmp_path, capsys):
    assert main(arguments(tmp_path / "none.csv")) == 2
    assert "none.csv': No such file" in capsys.readouterr().err
    assert main(arguments(tmp_path)) == 2
    assert "cannot read" in capsys.readouterr().err
    (tmp_path / "file").write_text("kept")
    assert main(arguments(table, "--out", str(tmp_path / "file"))) == 2
    assert "cannot write to" in capsys.readouterr().err and (tmp_path / "file").read_text() == "kept"


def test_bad_weights(tmp_path, table, capsys):
    path = tmp_path / "runs.csv"
    path.write_text(corrupted("weight", "-1"))
    assert main(arguments(path, "--weights", "weight")) == 2
    assert "'weight' is negative in row 2 (line 4)" in capsys.readouterr().err
    assert main(arguments(table, "--weights", "weight", "--where", "weight=0")) == 2
    assert "is 0 in every row" in capsys.readouterr().err


def test_a_process_refuses_without_traceback(tmp_path):
    command = [sys.executable, "-m", "progressfit.cli", *arguments(tmp_path / "none.csv")]
    done = subprocess.run(command, capture_output=True, text=True, timeout=100)
    assert done.returncode == 2 and done.stdout == "" and "Traceback" not in done.stderr
    assert done.stderr.startswith("progressfit: cannot read")
