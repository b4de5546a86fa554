"""The command line, run as its users run it: a process with streams and an exit status."""

import json
import subprocess
import sys

import pytest

from progressfit.catalogue import DATASETS, LAWS, STUDIES


def run(*arguments, **kwargs):
    return subprocess.run(
        [sys.executable, "-m", "progressfit.cli", *arguments], capture_output=True, text=True, timeout=300, **kwargs
    )


@pytest.fixture(scope="module")
def quick(tmp_path_factory):
    folder = tmp_path_factory.mktemp("report") / "out"
    return run("reproduce", "hernandez-brown-2020", "--json", "--seed", "3", "--out", str(folder)), folder


def test_json_goes_to_standard_output_and_progress_to_standard_error(quick):
    done, folder = quick
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert found["study"] == "hernandez-brown-2020" and found["n"] == 6
    assert found["certificate"]["converged"] is True
    factor = next(q for q in found["quantities"] if q["published"] == 44.0)
    assert factor["agrees"] is True and round(factor["value"]) == 45  # 44.9, published as 44
    assert "least squares of the six runs" in done.stderr and "wrote" in done.stderr
    assert (folder / "answer.txt").read_text(encoding="utf-8").startswith("Hernandez and Brown 2020")
    page = (folder / "report.html").read_text(encoding="utf-8")
    assert "progressfit reproduce hernandez-brown-2020 --json --seed 3" in page
    assert not (folder / ".partial").exists()


def test_unknown_study_is_bad_input():
    done = run("reproduce", "erdil-2022")
    assert done.returncode == 2 and done.stdout == ""
    assert f"there is no study 'erdil-2022'; there are: {', '.join(STUDIES)}" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_table_that_a_study_does_not_make_is_bad_input():
    done = run("reproduce", "ho-2024", "--table", "lo")
    assert done.returncode == 2 and done.stdout == "" and "loo" in done.stderr and "Traceback" not in done.stderr
    done = run("reproduce", "besiroglu-2024", "--table", "loo")
    assert done.returncode == 2 and done.stdout == "" and "Traceback" not in done.stderr


def test_unusable_folder_is_bad_input_before_any_work(tmp_path):
    (tmp_path / "file").write_text("kept")
    done = run("reproduce", "erdil-besiroglu-2022", "--out", str(tmp_path / "file" / "below"))
    assert done.returncode == 2 and "cannot write to" in done.stderr and "Traceback" not in done.stderr
    done = run("reproduce", "erdil-besiroglu-2022", "--out", str(tmp_path / "file"))
    assert done.returncode == 2 and (tmp_path / "file").read_text() == "kept"


@pytest.mark.parametrize("arguments", [(), ("reproduce",), ("reproduce", "x", "--seed", "one"), ("divine",), ("fit",)])
def test_wrong_usage_is_bad_input(arguments):
    done = run(*arguments)
    assert done.returncode == 2 and "usage: progressfit" in done.stderr


def said_without_numerics(*arguments: str) -> str:
    """Standard output of a command that ends with status 0 and has loaded nothing numeric."""
    code = (
        "import sys\nfrom progressfit.cli import main\n"
        f"try:\n    status = main({list(arguments)})\nexcept SystemExit as stop:\n    status = stop.code\n"
        "assert status == 0\n"
        "assert not {'jax', 'numpyro', 'pandas', 'numpy'} & set(sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_list_names_everything_and_loads_nothing_numeric():
    said = said_without_numerics("list")
    for name in (*STUDIES, *LAWS, *DATASETS):
        assert name in said


def test_help_loads_nothing_numeric():
    said = said_without_numerics("--help")
    assert "reproduce" in said and "fit" in said


def test_help_of_fit_names_every_option_and_loads_nothing_numeric():
    said = said_without_numerics("fit", "--help")
    contract = (
        "law response input date group cluster noise link mle fix prior where weights starts bootstrap level seed"
    )
    for option in [*contract.split(), "json", "out", "max-steps", "compute"]:
        assert f"--{option}" in said


def test_a_reader_that_stops_reading_is_no_failure():
    """``progressfit list | head``: no traceback, and a reader's choice is no error."""
    command = f"{sys.executable} -c 'from progressfit.cli import main; import sys; sys.exit(main([\"list\"]))' | true"
    done = subprocess.run(["bash", "-o", "pipefail", "-c", command], capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stderr) == (0, "")
