"""The README's code runs as pasted, and its commands exist."""

import re
from pathlib import Path

import jax.numpy as jnp

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")


def test_the_custom_law_runs_as_pasted(capsys):
    blocks = re.findall(r"```python\n(.*?)```", README, re.DOTALL)
    assert len(blocks) == 1
    names = {}
    exec(compile(blocks[0], "README.md", "exec"), names)
    said = capsys.readouterr().out
    assert names["point"].converged and "Converged" in said and "doubling" in said
    value = names["point"].parameters["logistic.progress.rate"]
    assert (jnp.asarray(value) * 12).dtype == jnp.float64


def test_the_two_commands_exist():
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    for target in ("demo", "test"):
        assert f"make {target}" in README and re.search(rf"^{target}:", makefile, re.MULTILINE)


def test_files_the_readme_names_exist():
    for name in re.findall(r"`((?:notebooks|progressfit|benchmarks|tests)/[\w./]*|CONTRIBUTING\.md)`", README):
        assert (ROOT / name).exists(), name


def test_everything_in_the_readme_is_a_public_name():
    import progressfit as pf

    for name in set(re.findall(r"\bpf\.(\w+)", README)):
        assert hasattr(pf, name), name
