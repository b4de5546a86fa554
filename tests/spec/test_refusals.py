"""What is no spec is refused in a sentence that names the place in it; no text does anything but read or be refused."""

import time

import cases
import numpy as np
import numpyro.distributions as dist
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

import progressfit as pf
from progressfit.params import Tied, leaves, priors
from progressfit.spec import SpecError
from progressfit.spec.laws import known_laws

GOOD = """
link = "Logit"

[mean]
kind = "Logistic"

[mean.term]
kind = "Sum"
children.level = "normal(0, 1)"

[mean.term.children.progress]
kind = "ExponentialProgress"
rate = "normal(0, 0.1)"
origin = 2012
channel = "algorithms"

[mean.term.children.compute]
kind = "LogSlope"
input = "compute"
slope = "normal(0, 0.1)"
reference = 1e18

[noise]
kind = "Gaussian"
scale = "half_normal(0.2)"
"""


def test_a_spec_written_by_hand():
    """Bare parameters become constants and scales, and children keep their order."""
    spec = pf.spec.from_toml(GOOD)
    assert list(leaves(spec)) == [
        "level", "progress.rate", "progress.origin", "compute.slope", "compute.reference", "noise.scale"
    ]  # fmt: skip
    assert isinstance(priors(spec)["noise.scale"], dist.HalfNormal) and isinstance(spec.link, pf.links.Logit)


# Replaced in the text above -> what the sentence has to say.
REFUSED = {
    "unknown term": ('kind = "LogSlope"', 'kind = "LogSlop"',
                     ["mean.term.children.compute.kind", "no Term 'LogSlop'", "did you mean 'LogSlope'"]),
    "abstract term": ('kind = "LogSlope"', 'kind = "AbstractTerm"', ["no Term 'AbstractTerm'"]),
    "a term as noise": ('kind = "Gaussian"', 'kind = "Sum"', ["noise.kind", "no Noise 'Sum'", "Gaussian"]),
    "no kind": ('kind = "LogSlope"', "", ["mean.term.children.compute: kind is missing"]),
    "unknown link": ('"Logit"', '"Logitt"', ["link: there is no link 'Logitt'", "did you mean 'Logit'"]),
    "unknown key": ("rate =", "rat =", ["mean.term.children.progress.rat", "did you mean 'rate'"]),
    "missing key": ("reference = 1e18", "", ["mean.term.children.compute: LogSlope needs 'reference'"]),
    "unknown table": ("[noise]", "[nois]", ["no key for a spec 'nois'", "did you mean 'noise'"]),
    "no link": ('link = "Logit"', "", ["'link' is missing"]),
    "prior": ('"normal(0, 0.1)"', '"normal(0)"', ["mean.term.children.progress.rate", "1 argument, not 2"]),
    "unknown prior": ("half_normal", "halfnormal", ["noise.scale: there is no prior 'halfnormal'"]),
    "code": ('"half_normal(0.2)"', "\"__import__('os').system('true')\"", ["noise.scale", "is not a prior"]),
    "not finite": ("2012", "nan", ["mean.term.children.progress.origin: nan is not a finite number"]),
    "infinite": ("2012", "1e999", ["progress.origin: inf is not a finite number"]),
    "beyond float": ("2012", "1" + "0" * 400, ["progress.origin", "not a finite number"]),
    "flag as number": ("2012", "true", ["progress.origin: True is not a parameter"]),
    "date as number": ("2012", "2012-01-01", ["progress.origin", "is not a parameter"]),
    "text as static": ('channel = "algorithms"', "channel = 3", ["progress.channel: 3 is not text"]),
    "date as input": ('input = "compute"', 'input = "date"', ["children.compute: a date enters through a progress"]),
    "name": ("children.compute]", 'children."a b"]', ["mean.term.children.a b: 'a b' cannot be a name"]),
    "self": ("children.compute]", "children.self]", ["'self' cannot be a name"]),
    "tie to nothing": ("rate = \"normal(0, 0.1)\"", 'rate = { tied = "compute.slop" }',
                       ["'progress.rate' is tied", "no parameter 'compute.slop'", "did you mean 'compute.slope'"]),
    "tie with more": ("rate = \"normal(0, 0.1)\"", 'rate = { tied = "compute.slope", by = 2 }',
                      ["rate.by: there is no key for a parameter", "tied"]),
    "ragged": ("1e18", "[[1, 2], [3]]", ["compute.reference: the lists inside this list differ in length"]),
    "list of texts": ("1e18", '["a"]', ["compute.reference: 'a' is not a parameter"]),
    "function": ('kind = "LogSlope"', 'kind = "Function"\nfn = "os:system"',
                 ["no key for Function 'input'"]),
    "later format": ('link = "Logit"', 'format = 2\nlink = "Logit"', ["format: 2 is not known here"]),
    "law and mean": ('link = "Logit"', 'law = "kaplan"\nlink = "Logit"', ["law: a spec has either"]),
    "override": ("[noise]", "[fix]\ncompute.slop = 1\n[noise]", ["fix.compute.slop", "did you mean 'compute.slope'"]),
    "fix to text": ("[noise]", "[fix]\ncompute.slope = 'normal(0, 1)'\n[noise]", ["fix.compute.slope", "is text"]),
    "fix outside": ("[noise]", "[fix]\n'noise.scale' = -1.0\n[noise]", ["fix.noise.scale: -1 lies outside"]),
    "prior outside": ("[noise]", "[prior]\nnoise.scale = 'normal(0, 1)'\n[noise]", ["prior.noise.scale", "positive"]),
    "twice": ("[noise]", "[fix]\nlevel = 1\n[tie]\nlevel = 'compute.slope'\n[noise]", ["'level' is given to both"]),
    "not TOML": ("[noise]", "[noise", ["it is not TOML"]),
}  # fmt: skip


@pytest.mark.parametrize("what", REFUSED)
def test_refused_with_the_place_and_the_remedy(what):
    old, new, said = REFUSED[what]
    assert old in GOOD
    with pytest.raises(SpecError) as caught:
        pf.spec.from_toml(GOOD.replace(old, new, 1))
    message = str(caught.value)
    assert "\n" not in message and len(message) < 1000
    for part in said:
        assert part in message, message


def test_laws_by_name_with_overrides():
    text = """
    law = "chinchilla"
    arguments = { parameters = 1e9, data = 2e10 }
    noise = { kind = "Gaussian", scale = "half_normal(0.1)" }
    [fix]
    irreducible = 1.8
    [prior]
    size.exponent = "normal(0.35, 0.1)"
    [tie]
    "data.exponent" = "size.exponent"
    """
    spec = pf.spec.from_toml(text)
    law = pf.laws.chinchilla(parameters=1e9, data=2e10)
    found, own = leaves(spec), leaves(law)
    assert float(found["irreducible"]) == 1.8 and found["data.exponent"] == Tied("size.exponent")
    assert found["size.exponent"].loc == 0.35 and found["size.coefficient"].loc == own["size.coefficient"].loc
    assert isinstance(spec.noise, pf.noise.Gaussian) and isinstance(spec.link, pf.links.Log)


@pytest.mark.parametrize("name", known_laws())
def test_every_law_by_name(name):
    """Alone where it needs nothing; every argument is one the law takes."""
    assert set(known_laws()) == set(pf.laws.__all__)
    given = {"linear": "[arguments.references]\ncompute = 1e18"}.get(name, "")
    assert priors(pf.spec.from_toml(f'law = "{name}"\n{given}'))


ARGUMENTS = {
    "gundlach2025": 'architectures = ["a", "b"]\ngroup = "kind"\nbenchmark = "set"\nirreducible = 1.7\n'
    "reference = 1e18",
    "ho2024": 'model = 10\nprior = "normal(0, 1)"\ntransformer_multiplier = true\nirreducible = "all"\npooled = true\n'
    'break_date = "normal(2018, 1)"\nbreak_width = 0.5',
    "retests": "inputs = { compute = 1e18 }\nown = { data = 1e6 }\norigin = 2012\nreference = 'a'\ngroup = 'g'\nsd = 2",
    "hernandez_brown": "origin = 2015\nreference = 1e17",
    "erdil_besiroglu": "slope_sd = 0.1\nconstant_sd = 2\nceiling = 0.98",
    "linear": "references = { compute = 1e18 }\norigin = 2015.5\nsd = 3",
    "chinchilla": "parameters = 1e9\ndata = 1e10",
    "kaplan": "",
}


@pytest.mark.parametrize("name", known_laws())
def test_every_argument_of_a_law_is_taken(name):
    lines = ARGUMENTS[name].splitlines()
    assert {line.partition(" =")[0] for line in lines} == set(known_laws()[name])
    assert priors(pf.spec.from_toml(f'law = "{name}"\n[arguments]\n{ARGUMENTS[name]}'))


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('law = "chinchila"', "did you mean 'chinchilla'"),
        ('law = "kaplan"\narguments = { data = 1.0 }', "no argument of the law 'kaplan' 'data'"),
        ('law = "linear"', "the law 'linear' cannot be made"),
        ('law = "ho2024"\narguments = { model = 99 }', "choose a number from 1 to 20"),
        ('law = "ho2024"\narguments = { pooled = 1 }', "arguments.pooled: 1 is neither true nor false"),
        ('law = 3', "there is no law '3'"),
    ],
)  # fmt: skip
def test_laws_that_cannot_be_made(text, said):
    with pytest.raises(SpecError, match=said):
        pf.spec.from_toml(text)


HOSTILE = {
    "ten megabytes": "x" * 10_000_000,
    "nested lists": "a = " + "[" * 100_000,
    "nested tables": "a = " + "{b=" * 1000,
    "deep key": "[" + "a." * 400_000 + "a]",
    "deep assignment": ".".join(["a"] * 100_000) + " = 1",
    "long list": GOOD.replace("1e18", "[" + "1," * 400_000 + "1]"),
    "many tables": "[[a]]\n" * 100_000,
    "many keys": "\n".join(f"k{i} = 1" for i in range(60_000)),
    "many digits": "a = " + "9" * 100_000,
    "long number in a prior": GOOD.replace("0.2", "9" * 300_000 + "x"),
    "spaces in a prior": GOOD.replace("0.2", "0.2" + " " * 300_000 + ")"),
    "brackets in a prior": GOOD.replace("0.2", "[" * 300_000),
    "many copies": GOOD.replace("half_normal(0.2)", "normal(0, 1) for each of 99999 x 99999"),
    "deep terms": "mean = " + "{kind='Negative',term=" * 90 + "1" + "}" * 90 + "\nlink='Log'\nnoise={kind='Huber'}",
    "null": "a = \0",
    "long unknown kind": GOOD.replace("LogSlope", "L" * 500_000),
    "no text": "",
}


@pytest.mark.parametrize("what", HOSTILE)
def test_hostile_text_is_refused_in_seconds(what):
    begin = time.process_time()
    with pytest.raises(SpecError) as caught:
        pf.spec.from_toml(HOSTILE[what])
    # The largest texts that are parsed have a megabyte, which takes tomllib a second on a slow machine.
    assert time.process_time() - begin < 10
    assert "\n" not in str(caught.value) and len(str(caught.value)) < 2000


kinds = st.sampled_from(["Sum", "LogSlope", "Constant", "Function", "GroupEffect", "Gaussian", "Nothing", "", "Power"])
values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=9) | kinds
    | st.sampled_from(["normal(0, 1)", "flat", "flat for each of 2", "dirichlet([1, 2])", "[", "x for each of"]),
    lambda inner: st.lists(inner, max_size=3)
    | st.dictionaries(
        st.sampled_from(["kind", "children", "term", "of", "slope", "input", "scale", "tied", "group", "reference"])
        | st.text(max_size=4),
        inner,
        max_size=5,
    ),
    max_leaves=20,
)  # fmt: skip
keys = st.sampled_from(["mean", "link", "noise", "law", "arguments", "fix", "prior", "tie", "name", "format"])


@settings(max_examples=300, deadline=None, derandomize=True)
@given(st.text() | st.binary().map(lambda raw: raw.decode("latin-1")))
@example('a = """')
def test_random_text_reads_or_is_refused(text):
    with pytest.raises(SpecError):
        pf.spec.from_toml(text)


@settings(max_examples=400, deadline=None, derandomize=True)
@given(st.dictionaries(keys, values, max_size=6), st.booleans())
def test_random_tables_read_or_are_refused(tables, whole):
    from progressfit.spec.emit import emit

    if whole:
        tables = {"link": "Log", "noise": {"kind": "Gaussian", "scale": 1.0}, "mean": 1.0} | tables
    try:
        spec = pf.spec.from_toml(emit(tables))
    except SpecError as error:
        assert "\n" not in str(error)
        return
    assert isinstance(spec, pf.Model)
    leaves(spec)


def test_what_has_no_form_is_not_written():
    own = pf.Model(cases.TERMS["function"], pf.links.Identity(), cases.NOISES["gaussian"])
    with pytest.raises(SpecError, match=r"mean: the function 'cases:bend' is code"):
        pf.spec.to_toml(own)
    with pytest.raises(SpecError, match=r"mean\.fn: the function 'cases:bend' is code"):
        pf.spec.from_toml(pf.spec.to_toml(own, functions={"cases:bend": cases.bend}))
    spec = cases.LAWS["kaplan"]
    with pytest.raises(SpecError, match=r"noise\.scale\.log_scale: the prior Weibull has no form"):
        pf.spec.to_toml(pf.free(spec, {"noise.log_scale": dist.Weibull(1.0, 2.0)}))
    with pytest.raises(SpecError, match="not finite"):
        pf.spec.to_toml(pf.fix(spec, {"size.exponent": np.nan}))


def test_files_that_are_no_specs(tmp_path):
    with pytest.raises(FileNotFoundError):
        pf.spec.read(tmp_path / "none.toml")
    path = tmp_path / "spec.toml"
    path.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(SpecError, match=r"spec\.toml' is not UTF-8"):
        pf.spec.read(path)
    path.write_text("law = 'kaplan'\nlaws = 1")
    with pytest.raises(
        SpecError, match=r"spec\.toml': laws: there is no key for a spec 'laws' \(did you mean 'law'\?\)"
    ):
        pf.spec.read(path)
