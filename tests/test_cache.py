"""The persistent compilation cache: private, keyed by versions, bounded, and the same program in every process."""

import os
import subprocess
import sys
from pathlib import Path

import cases
import jax
import numpy as np
import numpyro.distributions as dist
import pytest

import progressfit as pf
from progressfit import cache, startup
from progressfit.compiled import compiled, ordered, restored

TESTS = Path(__file__).resolve().parent

TWICE = """
import sys, jax
import progressfit as pf
from progressfit import startup

jax.numpy.zeros(3).block_until_ready()  # a program from before the cache was switched on
seen = []
jax.monitoring.register_event_listener(lambda event, **_: seen.append(event))
pf.compile_cache(sys.argv[1])
import cases

pf.fit(cases.small_law(), cases.small_table(), key=jax.random.key(0), starts=2)
print(sum(e.endswith("cache_hits") for e in seen), sum(e.endswith("cache_misses") for e in seen))
"""


def run(script: str, *arguments: str, **variables: str) -> str:
    path = os.pathsep.join([str(TESTS), str(TESTS.parent)])
    # The suite's own folder of programs is not what is tested here.
    outside = {name: value for name, value in os.environ.items() if not name.startswith(("JAX_COMP", "JAX_PERS"))}
    environment = outside | {"PYTHONPATH": path, "JAX_PLATFORMS": "cpu"} | variables
    command = [sys.executable, "-W", "error", "-c", script, *arguments]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, env=environment)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_hash_seeds_do_change_numpyros_order():
    """Otherwise the check below could not fail."""
    script = "import numpyro.distributions as d; print(d.Normal.gather_pytree_data_fields())"
    assert run(script, PYTHONHASHSEED="0") != run(script, PYTHONHASHSEED="1")


def test_a_second_process_compiles_nothing(tmp_path):
    """Not even with another order of sets of names, which is numpyro's order of the parameters of a distribution."""
    first, second = (list(map(int, run(TWICE, str(tmp_path), PYTHONHASHSEED=seed).split())) for seed in "01")
    assert first[1] > 0 and second == [first[0] + first[1], 0]
    (own,) = tmp_path.iterdir()
    assert own.name == cache.version_key() and own.stat().st_mode & 0o777 == 0o700
    assert len(list(own.glob("*-cache"))) >= first[1]


NESTED = {
    **cases.PRIORS,
    "mixture": dist.MixtureSameFamily(dist.Categorical(np.ones(2) / 2), dist.Normal(np.zeros(2), np.ones(2))),
    "shifted": dist.TransformedDistribution(dist.Normal(0.1, 0.7), dist.transforms.AffineTransform(1.0, 2.0)),
    "masked": dist.Normal(0.3, 0.7).mask(True),
}


@pytest.mark.parametrize("name", NESTED)
def test_taking_apart_and_rebuilding_is_the_identity(name):
    prior = NESTED[name]
    back = restored(ordered({"p": prior}))["p"]
    assert type(back) is type(prior) and (back.batch_shape, back.event_shape) == (prior.batch_shape, prior.event_shape)
    value = prior.sample(jax.random.key(5))
    np.testing.assert_array_equal(back.log_prob(value), prior.log_prob(value))
    before = sorted(float(np.sum(leaf)) for leaf in jax.tree.leaves(prior))
    assert sorted(float(np.sum(leaf)) for leaf in jax.tree.leaves(ordered(prior))) == before


def test_a_compiled_function_is_the_function():
    @compiled("power")
    def density(spec, value, power):
        """What it does."""
        return spec["prior"].log_prob(value) ** power

    spec = {"prior": dist.Normal(0.2, 1.3)}
    found = density(spec, 0.7, power=2)
    np.testing.assert_allclose(found, spec["prior"].log_prob(0.7) ** 2, rtol=cases.ROUNDING)
    assert density.__name__ == "density" and density.__doc__ == "What it does."
    density({"prior": dist.Normal(0.5, 2.0)}, 0.1, power=2)
    assert density._cache_size() == 1, "other numbers do not compile again"
    density(spec, 0.7, power=3)
    assert density._cache_size() == 2


@pytest.fixture
def settings():
    """JAX's configuration as it was, afterwards."""
    names = (
        "jax_compilation_cache_dir",
        "jax_persistent_cache_min_compile_time_secs",
        "jax_persistent_cache_min_entry_size_bytes",
    )
    before = {name: getattr(jax.config, name) for name in names}
    yield
    for name, value in before.items():
        jax.config.update(name, value)
    jax.experimental.compilation_cache.compilation_cache.reset_cache()


def test_the_users_cache_folder_is_the_default(tmp_path, monkeypatch, settings):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    own = pf.compile_cache()
    assert own == tmp_path / "progressfit" / "xla" / cache.version_key()
    assert jax.config.jax_compilation_cache_dir == str(own)
    assert own.parent.stat().st_mode & 0o777 == 0o700
    monkeypatch.setenv("XDG_CACHE_HOME", "relative")
    assert cache.default_folder() == Path.home() / ".cache" / "progressfit" / "xla"


def _writable_by_others(folder: Path) -> Path:
    folder.chmod(0o777)
    return folder


def _a_file(folder: Path) -> Path:
    (folder / "file").write_text("kept")
    return folder / "file"


def _below_a_file(folder: Path) -> Path:
    return _a_file(folder) / "below"


def _a_link(folder: Path) -> Path:
    (folder / "real").mkdir()
    (folder / "link").symlink_to(folder / "real")
    return folder / "link"


@pytest.mark.skipif(os.name != "posix", reason="modes and owners are those of POSIX systems")
@pytest.mark.parametrize("make", [_writable_by_others, _a_file, _below_a_file, _a_link])
def test_an_unusable_folder_is_a_warning_and_nothing_else(tmp_path, make, settings):
    folder, before = make(tmp_path), jax.config.jax_compilation_cache_dir
    with pytest.warns(RuntimeWarning, match=f"compiled programs are not kept: .*{tmp_path}"):
        assert pf.compile_cache(folder) is None
    assert jax.config.jax_compilation_cache_dir == before
    assert float(jax.jit(lambda x: x + 1)(1.0)) == 2.0


@pytest.mark.skipif(os.name != "posix", reason="owners are those of POSIX systems")
def test_a_folder_of_another_user_is_refused(tmp_path, monkeypatch, settings):
    monkeypatch.setattr(os, "geteuid", lambda: tmp_path.stat().st_uid + 1)
    with pytest.raises(cache.CacheError, match="belongs to another user"):
        cache.switch_on(tmp_path)


def _version(folder: Path, name: str, sizes: list[int], used: float) -> Path:
    made = folder / name
    made.mkdir()
    for k, size in enumerate(sizes):
        (made / f"jit_{k}-cache").write_bytes(bytes(size))
        os.utime(made / f"jit_{k}-cache", (used + k, used + k))
    (made / "used").touch()
    os.utime(made / "used", (used, used))
    return made


def test_old_versions_go_first_and_nothing_else_is_touched(tmp_path):
    own = _version(tmp_path, "0" * 16, [10, 10], 5.0)
    old, older = _version(tmp_path, "a" * 16, [30], 2.0), _version(tmp_path, "b" * 16, [30], 1.0)
    stranger = tmp_path / "papers"
    stranger.mkdir()
    (stranger / "x-cache").write_bytes(bytes(1000))
    cache.prune(tmp_path, own, 80)
    assert old.exists() and older.exists(), "80 bytes are within the limit"
    cache.prune(tmp_path, own, 79)
    assert not older.exists() and not old.exists() and len(list(own.glob("*-cache"))) == 2
    assert (stranger / "x-cache").stat().st_size == 1000


def test_the_oldest_programs_of_this_version_go_last(tmp_path):
    own = _version(tmp_path, "0" * 16, [10, 10, 10, 10], 5.0)
    (own / "notes").write_text("kept")
    cache.prune(tmp_path, own, 30)
    assert sorted(file.name for file in own.glob("*-cache")) == ["jit_3-cache"]
    assert (own / "notes").exists() and (own / "used").exists()


def test_the_key_changes_with_the_version(monkeypatch):
    key = cache.version_key()
    assert key == cache.version_key() and len(key) == 16
    monkeypatch.setattr(cache, "__version__", "0.0.0")
    assert cache.version_key() != key


STARTED = """
import sys
from progressfit.startup import start_jax
start_jax(print)
import jax
print(jax.config.jax_compilation_cache_dir, len(jax.devices()))
"""


def test_the_command_line_takes_its_folder_and_devices_from_the_environment(tmp_path):
    cores = str(startup.physical_cores(8))
    default = tmp_path / "progressfit" / "xla" / cache.version_key()
    where = {"XDG_CACHE_HOME": str(tmp_path), "XLA_FLAGS": "", "PROGRESSFIT_CACHE": ""}
    assert run(STARTED, **where).split() == [str(default), cores]
    off = where | {"PROGRESSFIT_CACHE": "off", "JAX_NUM_CPU_DEVICES": "3"}
    assert run(STARTED, **off).split() == ["None", "3"]
    bad = run(STARTED, **where | {"PROGRESSFIT_CACHE": "/dev/null/folder"}).splitlines()
    assert bad[0].startswith("progressfit: compiled programs are not kept: '/dev/null/folder'") and len(bad) == 2
    own = where | {"JAX_COMPILATION_CACHE_DIR": str(tmp_path / "mine")}
    assert run(STARTED, **own).split()[0] == str(tmp_path / "mine"), "what the user told JAX stands"


def test_cores_are_counted_once_and_within_bounds():
    logical = os.cpu_count() or 1
    assert 1 <= startup.physical_cores(10**6) <= logical
    assert startup.physical_cores(1) == 1
