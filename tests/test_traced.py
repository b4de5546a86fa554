"""Traced programs kept on disk: the next process gets the same numbers without tracing."""

import os
import subprocess
import sys
from pathlib import Path

import cases
import jax
import numpy as np
import pytest

import progressfit as pf
from progressfit import compiled, traced
from progressfit.infer.programs import prior_ranges

TESTS = Path(__file__).resolve().parent
TWICE = """
import sys
import jax
jax.config.update("jax_num_cpu_devices", 2)
from progressfit import compiled
from progressfit.infer import programs
import progressfit as pf

traced = []
jax.monitoring.register_event_duration_secs_listener(
    lambda event, _, fun_name="", **__: traced.append(fun_name) if "jaxpr_trace" in event else None
)
from pathlib import Path
compiled.keep_traced(Path(sys.argv[1]))
import cases
point = pf.fit(cases.small_law(), cases.small_table(), key=jax.random.key(0), starts=4, chunk=1)
draws = pf.bootstrap(point, cases.small_table(), key=jax.random.key(1), replicates=6, kind="clusters")
print(point.objective.hex(), [float(v).hex() for path in sorted(draws.values) for v in draws.values[path]])
# A kept program runs where its arguments are bound to, or where the user says.
one, other = jax.devices()
law = cases.small_law()
ranges = programs.prior_ranges(law)
for device in (other, one):
    found = programs.prior_ranges(jax.device_put(law, device))
    assert found.scale.devices() == {device} and float(found.scale[0]) == float(ranges.scale[0])
with jax.default_device(other):
    assert programs.prior_ranges(law).scale.devices() == {other}
print(sum(name in ("fit_starts", "fit_replicates", "prior_ranges") for name in traced), len(jax.devices()))
"""


def run(folder: Path, seed: str) -> list[str]:
    path = os.pathsep.join([str(TESTS), str(TESTS.parent)])
    environment = os.environ | {"PYTHONPATH": path, "PYTHONHASHSEED": seed, "JAX_PLATFORMS": "cpu"}
    command = [sys.executable, "-W", "error", "-c", TWICE, str(folder)]
    done = subprocess.run(command, capture_output=True, text=True, env=environment)
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()


def test_a_second_process_traces_nothing_and_finds_the_same(tmp_path):
    first = run(tmp_path, "0")
    kept = {file.name: file.stat().st_mtime_ns for file in tmp_path.glob(f"*{traced.SUFFIX}")}
    second = run(tmp_path, "1")
    assert len(kept) >= 4 and kept == {file.name: file.stat().st_mtime_ns for file in tmp_path.iterdir()}
    assert first[0] == second[0]
    # JAX traces the call of a kept program under its name, so that each counts once.
    assert int(first[1].split()[0]) > int(second[1].split()[0])
    assert first[1].split()[1] == "2"


@pytest.fixture
def folder(tmp_path):
    compiled.keep_traced(tmp_path)
    yield tmp_path
    compiled.keep_traced(None)


@pytest.fixture
def compilations():
    """Events of compiling, as they happen."""
    found = []

    def listen(event: str, _: float, **__: object) -> None:
        if "backend_compile" in event:
            found.append(event)

    jax.monitoring.register_event_duration_secs_listener(listen)
    yield found
    jax.monitoring.unregister_event_duration_listener(listen)


def files(folder: Path) -> list[Path]:
    return sorted(folder.glob(f"*{traced.SUFFIX}"))


def test_results_are_those_of_the_function(folder):
    spec = pf.laws.chinchilla()
    found = prior_ranges(spec)
    compiled.keep_traced(None)
    expected = prior_ranges(spec)
    assert type(found) is type(expected) and len(files(folder)) == 1
    jax.tree.map(np.testing.assert_array_equal, found, expected)


def test_other_numbers_share_a_file_and_other_laws_do_not(folder):
    for law in (cases.small_law(), cases.small_law(0.3, 2.0), pf.laws.kaplan()):
        prior_ranges(law)
    assert len(files(folder)) == 2


def test_other_code_settings_or_types_are_other_programs(folder, monkeypatch):
    law = cases.small_law()
    prior_ranges(law)
    monkeypatch.setattr(traced, "source_digest", lambda: "another version of the package")
    compiled.keep_traced(folder)
    prior_ranges(law)
    assert len(files(folder)) == 2
    with jax.debug_nans(True):
        compiled.keep_traced(folder)
        prior_ranges(law)
    assert len(files(folder)) == 3


@pytest.mark.parametrize("spoil", [b"", b"{}\nnothing", b'{"named": ["os", "system"], "of": [0]}\n'])
def test_a_spoilt_file_is_written_again(folder, spoil):
    law = cases.small_law()
    expected = prior_ranges(law)
    (file,) = files(folder)
    whole = file.read_bytes()
    file.write_bytes(spoil)
    compiled.keep_traced(folder)
    jax.tree.map(np.testing.assert_array_equal, prior_ranges(law), expected)
    assert file.read_bytes()[:20] == whole[:20]


def test_a_folder_that_cannot_be_written_to_does_no_harm(tmp_path):
    compiled.keep_traced(tmp_path / "gone")
    try:
        assert np.isfinite(np.asarray(prior_ranges(cases.small_law()).scale)).all()
    finally:
        compiled.keep_traced(None)


def test_what_a_user_wrote_is_traced(folder):
    prior_ranges(cases.SPECIAL["constrained"])
    assert files(folder) == []


def test_inside_another_trace_nothing_is_kept(folder):
    jax.jit(lambda x: prior_ranges(cases.small_law(sd=x)).centre)(2.0)
    jax.vmap(lambda x: prior_ranges(cases.small_law(location=x)).centre)(np.zeros(2))
    assert files(folder) == []


def test_compiling_ahead_leaves_nothing_to_compile(folder, compilations):
    law = jax.tree.map(np.float64, cases.small_law(noise=0.31))
    prior_ranges.compile(law)
    compilations.clear()
    prior_ranges(law)
    # Results of other kept programs are bound to their device, other arrays are not.
    prior_ranges(jax.tree.map(lambda leaf: jax.device_put(leaf, jax.devices()[0]), law))
    assert not compilations


def test_kept_programs_are_let_go_when_many(folder, compilations, monkeypatch):
    law = cases.small_law(noise=0.32)
    expected = prior_ranges(law)
    compilations.clear()
    monkeypatch.setattr(compiled, "MANY_MAPPED_REGIONS", 1)
    assert compiled.release_programs()
    jax.tree.map(np.testing.assert_array_equal, prior_ranges(law), expected)
    assert compilations and len(files(folder)) == 1


def test_what_cannot_be_written_down_runs_all_the_same(folder, monkeypatch):
    def refuse(*_, **__):
        raise ValueError("an operation that has no text")

    monkeypatch.setattr(traced.export, "export", refuse)
    assert np.isfinite(np.asarray(prior_ranges(cases.small_law()).scale)).all() and files(folder) == []
