"""Long batches in stretches: the same numbers, told to whoever watches, and kept so that a stopped run goes on."""

import contextlib
import signal
from pathlib import Path

import jax
import numpy as np
import pytest
from dated_table import law, table

import progressfit as pf
from progressfit.infer import stretches
from progressfit.infer.devices import Plan
from progressfit.infer.stop import stoppable
from progressfit.infer.stretches import by_stretches
from progressfit.infer.watch import activity, watched_by


class Ledger:
    """Remembers what it was told."""

    def __init__(self) -> None:
        self.begun: list[tuple[str, int | None]] = []
        self.done: dict[int, list[int]] = {}
        self.ended: list[int] = []

    def begin(self, what: str, total: int | None) -> int:
        self.begun.append((what, total))
        self.done[len(self.begun)] = []
        return len(self.begun)

    def advance(self, ticket: int, parts: int) -> None:
        self.done[ticket].append(parts)

    def end(self, ticket: int) -> None:
        self.ended.append(ticket)


@pytest.fixture(scope="module")
def point() -> pf.Fit:
    return pf.fit(law(), table(), key=jax.random.key(0), starts=8)


@pytest.fixture
def short(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stretches, "_STRETCH", 16)


def resampled(point: pf.Fit, replicates: int = 40) -> pf.Draws:
    return pf.bootstrap(point, table(), key=jax.random.key(1), replicates=replicates)


@pytest.mark.parametrize("count", [1, 15, 16, 17, 33, 48])
@pytest.mark.usefixtures("short")
def test_every_member_once_in_order(count: int):
    lengths = []

    def square(own: np.ndarray) -> np.ndarray:
        lengths.append(len(own))
        return own**2

    ledger = Ledger()
    with watched_by(ledger):
        found = by_stretches(square, np.arange(count), Plan(1, 1), "squares")
    assert found.tolist() == [i**2 for i in range(count)]
    assert len(set(lengths)) == 1 and max(lengths) <= 16
    assert ledger.begun == [("squares", count)] and ledger.ended == [1]
    assert sum(ledger.done[1]) == count


def test_few_lengths_are_compiled_and_the_filling_is_dropped():
    """Batches of 65 to 128 members run one program, and longer ones that of the longest stretch."""
    seen = []

    def program(own: np.ndarray) -> np.ndarray:
        seen.append(len(own))
        return own

    for count in (65, 100, 128, 600, 1000, 4000):
        assert by_stretches(program, np.arange(count), Plan(1, 1), "some").tolist() == list(range(count))
    assert set(seen) == {128, 512}


def test_a_stretch_fills_an_accelerator():
    seen = []

    def program(own: np.ndarray) -> np.ndarray:
        seen.append(len(own))
        return own

    by_stretches(program, np.zeros(20_000), Plan(1024, 2), "wide")
    assert min(seen) >= 2 * 1024


def test_the_numbers_do_not_depend_on_stretches(point: pf.Fit, monkeypatch: pytest.MonkeyPatch):
    whole = resampled(point)
    monkeypatch.setattr(stretches, "_STRETCH", 16)
    parts = resampled(point)
    for path, values in whole.values.items():
        assert np.asarray(parts.values[path]) == pytest.approx(np.asarray(values), rel=1e-9)


class Stopped(BaseException):
    """Stands for an interrupt."""


class Stopper(Ledger):
    """Stops the work after the second stretch."""

    def advance(self, ticket: int, parts: int) -> None:
        super().advance(ticket, parts)
        if len(self.done[ticket]) == 2:
            raise Stopped


@pytest.mark.usefixtures("short")
def test_a_stopped_bootstrap_goes_on_where_it_was(point: pf.Fit, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    whole, stopper = resampled(point), Stopper()
    with pf.keep_partial(tmp_path), watched_by(stopper), pytest.raises(Stopped):
        resampled(point)
    assert stopper.ended == [1]
    kept = {path.name: path.stat().st_mtime_ns for path in tmp_path.iterdir()}
    assert len(kept) == 2
    ran = []
    original = stretches.write
    monkeypatch.setattr(stretches, "write", lambda path, *rest: (ran.append(path.name), original(path, *rest)))
    with pf.keep_partial(tmp_path):
        resumed = resampled(point)
    # Only the third stretch is computed; the others are as they were left.
    assert len(ran) == 1 and ran[0] not in kept
    assert {name: (tmp_path / name).stat().st_mtime_ns for name in kept} == kept
    for path, values in whole.values.items():
        assert np.array_equal(np.asarray(resumed.values[path]), np.asarray(values))


@pytest.mark.usefixtures("short")
def test_another_run_does_not_take_what_was_kept(point: pf.Fit, tmp_path: Path):
    with pf.keep_partial(tmp_path):
        first = resampled(point, 16)
        other = pf.bootstrap(point, table(), key=jax.random.key(2), replicates=16)
    assert len(list(tmp_path.iterdir())) == 2
    assert not np.array_equal(np.asarray(first.objective), np.asarray(other.objective))


def test_posterior_is_kept_and_resumed(point: pf.Fit, tmp_path: Path):
    settings = {"chains": 2, "draws": 400, "warmup": 100, "point": point}
    whole = pf.sample(law(), table(), key=jax.random.key(3), **settings)
    stopper = Stopper()
    # The first report is of what was found on disk, the second of the first stretch.
    with pf.keep_partial(tmp_path), watched_by(stopper), pytest.raises(Stopped):
        pf.sample(law(), table(), key=jax.random.key(3), **settings)
    ledger = Ledger()
    with pf.keep_partial(tmp_path), watched_by(ledger):
        resumed = pf.sample(law(), table(), key=jax.random.key(3), **settings)
    ticket = next(i + 1 for i, (what, _) in enumerate(ledger.begun) if what.startswith("posterior"))
    assert sum(ledger.done[ticket]) == ledger.begun[ticket - 1][1]
    for path, values in whole.values.items():
        assert np.array_equal(np.asarray(resumed.values[path]), np.asarray(values))


def test_an_interrupt_that_a_callback_swallowed_is_raised_again():
    """As Python does with exceptions in callbacks of its garbage collector: the work ends at the next report."""
    ledger, done = Ledger(), []

    def work() -> None:
        with activity("work", 3) as advance:
            for part in range(3):
                if part == 1:
                    with contextlib.suppress(KeyboardInterrupt):
                        signal.raise_signal(signal.SIGINT)
                done.append(part)
                advance(1)

    before = signal.getsignal(signal.SIGINT)
    with watched_by(ledger), pytest.raises(KeyboardInterrupt), stoppable():
        work()
    assert done == [0, 1] and ledger.done[1] == [1, 1] and ledger.ended == [1]
    assert signal.getsignal(signal.SIGINT) is before


def test_nobody_watches_by_default():
    with activity("work", 3) as done:
        assert done(3) is None


def test_bars_appear_on_standard_error_only_after_a_while(capfd: pytest.CaptureFixture[str]):
    import time

    with pf.progress_bars(patience=0.05, force=True), activity("slow work", 4) as done:
        done(1)
        time.sleep(0.5)
    shown = capfd.readouterr()
    assert shown.out == "" and "slow work" in shown.err and "1/4" in shown.err
    with pf.progress_bars(patience=60.0, force=True), activity("quick work", 4):
        pass
    assert "quick work" not in capfd.readouterr().err


def test_no_bars_where_there_is_no_terminal(capfd: pytest.CaptureFixture[str]):
    with pf.progress_bars(patience=0.0), activity("work", 4) as done:
        done(1)
    assert capfd.readouterr() == ("", "")
