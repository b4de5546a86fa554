"""``progressfit fit --spec``: a law of a user's own from a file, ties, and the spec that the folder holds."""

import argparse
import json

import numpy as np
import pytest
from own_table import arguments, runs

import progressfit as pf
from progressfit.cli import main
from progressfit.commands import specify
from progressfit.commands.options import add_fit_options, read_fit_options
from progressfit.params import Tied, leaves

OWN = """
name = "one exponent"
link = "Log"

[mean]
kind = "Sum"

[mean.children.size]
kind = "PowerLaw"
coefficient = "lognormal(6, 2)"
exponent = "normal(0.4, 0.2)"
of = { kind = "LogSlope", input = "parameters", slope = 1, reference = 1 }

[mean.children.data]
kind = "PowerLaw"
coefficient = "lognormal(6, 2)"
exponent = "normal(0.4, 0.2)"
of = { kind = "LogSlope", input = "data", slope = 1, reference = 1 }

[mean.children.irreducible]
kind = "PositiveConstant"
constant = 1.8

[noise]
kind = "Gaussian"
scale = "half_normal(0.1)"
"""
FIT = ("--where", "used=true", "--starts", "4", "--json")


@pytest.fixture(autouse=True)
def one_device(monkeypatch):
    """JAX has started by now; the command may not ask for other devices."""
    monkeypatch.setenv("JAX_NUM_CPU_DEVICES", "1")


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    path = tmp_path_factory.mktemp("specs")
    runs().to_csv(path / "runs.csv", index=False)
    (path / "own.toml").write_text(OWN)
    return path


def command(folder, *more: str, spec: str | None = "own.toml") -> list[str]:
    plain = arguments(folder / "runs.csv", *more)
    at = plain.index("--law")
    return plain[:at] + ([] if spec is None else ["--spec", str(folder / spec)]) + plain[at + 2 :]


def test_a_spec_is_fitted_and_the_folder_holds_what_was_fitted(folder, tmp_path, capsys):
    """The spec of the folder, given back, is the same fit, ties and all; there it has the name that the file gave."""
    status = main(command(folder, *FIT, "--tie", "data.exponent=size.exponent", "--out", str(tmp_path)))
    shown = capsys.readouterr()
    found = json.loads(shown.out)
    assert status == 0, shown.err
    assert found["law"] == "one exponent" and "'one exponent'" in shown.err
    assert set(found["parameters"]) == {"size.coefficient", "size.exponent", "data.coefficient", "noise.scale"}
    assert found["settings"]["tied"] == {"data.exponent": "size.exponent"}
    spec = pf.spec.read(tmp_path / "spec.toml")
    assert leaves(spec)["data.exponent"] == Tied("size.exponent") and leaves(spec)["irreducible"] == 1.8
    assert main(command(folder, *FIT, spec=str(tmp_path / "spec.toml"))) == 0
    second = json.loads(capsys.readouterr().out)
    assert second["law"] == "one exponent" and second["objective"] == found["objective"]
    assert second["parameters"] == found["parameters"]


def test_the_spec_of_a_law_is_written_too(folder):
    parser = argparse.ArgumentParser()
    add_fit_options(parser)
    options = ("--tie", "data.exponent=size.exponent", "--prior", "irreducible=uniform(1, 2)")
    request = read_fit_options(parser.parse_args(arguments(folder / "runs.csv", *options)[1:]))
    spec = specify.specify(request, {})
    assert leaves(spec)["data.exponent"] == Tied("size.exponent")
    text = pf.spec.to_toml(spec, name="chinchilla")
    assert pf.spec.to_toml(pf.spec.from_toml(text), name="chinchilla") == text
    assert "uniform(1.0, 2.0)" in text and np.isclose(leaves(spec)["noise.delta"], 1e-3)


REFUSED = {
    "both": ([], ["--law", "kaplan"], "--law and --spec both say what to fit"),
    "neither": (None, [], "--law is missing; give --law LAW, or --spec FILE.toml"),
    "no file": ("none.toml", [], "--spec: cannot read"),
    "no spec": ("bad.toml", [], "bad.toml': mean.children.a.kind: there is no Term 'Slop' (did you mean 'Slope'?)"),
    "fix": ([], ["--fix", "irreducibl=1"], "--fix irreducibl: there is no parameter 'irreducibl' (did you mean"),
    "tie": ([], ["--tie", "data.exponent=size.exponen"], "no parameter 'size.exponen' (did you mean 'size.exponent'?)"),
    "tie of nothing": ([], ["--tie", "data.exponen=size.exponent"], "--tie data.exponen: there is no parameter"),
    "tie and fix": (
        [], ["--tie", "data.exponent=size.exponent", "--fix", "data.exponent=1"], "given to both --fix and --tie"
    ),
    "circle": (
        [],
        ["--tie", "data.exponent=size.exponent", "--tie", "size.exponent=data.exponent"],
        "'size.exponent' is tied to 'data.exponent', which is tied itself",
    ),
    "flat": ([], ["--prior", "data.exponent=flat"], "no start can be drawn from the flat prior of 'data.exponent'"),
    "flat, out of range": ([], ["--prior", "size.coefficient=flat"], "it has to be positive"),
    "array": ([], ["--prior", "data.exponent=normal(0, 1) for each of 2"], "has the shape (2,)"),
    "grid": ([], ["--starts", "grid"], "'one exponent' has no published grid of starts"),
}  # fmt: skip


@pytest.mark.parametrize("what", REFUSED)
def test_refused_in_a_sentence(what, folder, capsys):
    spec, more, said = REFUSED[what]
    (folder / "bad.toml").write_text('link = "Log"\n[mean]\nkind = "Sum"\n[mean.children.a]\nkind = "Slop"\n[noise]')
    assert main(command(folder, *more, spec="own.toml" if spec == [] else spec)) == 2
    shown = capsys.readouterr()
    assert shown.out == "" and shown.err.startswith("progressfit: ") and shown.err.count("\n") == 1
    assert said in shown.err
