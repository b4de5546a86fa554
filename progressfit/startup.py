"""How the command line starts JAX: one device for each core, and compiled programs kept from run to run.

Both have to be settled before JAX computes anything, so the library leaves them to its user.
"""

import atexit
import gc
import os
import sys
from collections.abc import Callable
from pathlib import Path

from progressfit.cache import CacheError, default_folder, switch_on

SETTING = "PROGRESSFIT_CACHE"
_MOST_DEVICES = 8


def start_jax(say: Callable[[str], None]) -> None:
    """Set up JAX for a command; to be called before anything is computed.

    ``PROGRESSFIT_CACHE=off`` keeps no compiled programs, ``PROGRESSFIT_CACHE=FOLDER`` keeps them there. Whatever the
    user has told JAX through its own environment variables stands. A folder that cannot be used is reported through
    ``say``, and the command goes on without it.
    """
    import jax

    # Nothing that is left at the end needs collecting; looking for it takes half a second.
    atexit.register(gc.freeze)
    if not _devices_are_chosen():
        jax.config.update("jax_num_cpu_devices", physical_cores(_MOST_DEVICES))
    setting = os.environ.get(SETTING, "")
    if setting == "off" or jax.config.jax_compilation_cache_dir is not None:
        return
    try:
        own = switch_on(Path(setting) if setting else default_folder())
    except CacheError as error:
        say(f"progressfit: compiled programs are not kept: {error}")
        return
    from progressfit.compiled import keep_traced

    keep_traced(own)


def _devices_are_chosen() -> bool:
    flags = os.environ.get("XLA_FLAGS", "")
    return "JAX_NUM_CPU_DEVICES" in os.environ or "xla_force_host_platform_device_count" in flags


def physical_cores(most: int) -> int:
    """Cores that this process may use, two threads of one core counted once, at least 1 and at most ``most``."""
    allowed = os.sched_getaffinity(0) if sys.platform == "linux" else range(os.cpu_count() or 1)
    return min(max(len({_core(processor) for processor in allowed}), 1), most)


def _core(processor: int) -> str:
    """What names the core of a logical processor: the list of its threads, where the system says."""
    try:
        topology = Path(f"/sys/devices/system/cpu/cpu{processor}/topology/thread_siblings_list")
        return topology.read_text(encoding="ascii")
    except OSError:
        return str(processor)
