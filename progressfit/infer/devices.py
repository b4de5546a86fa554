"""How a batch of fits is spread over chunks, local devices and processes, and a large table over devices.

On CPU a batch is a compiled loop over its members, which keeps the cache warm and waits for nobody; on an accelerator
it is a vectorised chunk at a time, as large as a share of the device's memory allows. Several local devices each loop
over their own share; several processes (``jax.distributed``) each compute their own and then exchange results. The
numbers do not depend on any of it.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import numpy as np
from jax.experimental import multihost_utils
from jax.sharding import AxisType, Mesh, NamedSharding
from jax.sharding import PartitionSpec as P

from progressfit.dataset import Dataset

_BATCH, _ROWS = "batch", "rows"
_LARGEST_CHUNK = 4096
# Arrays of the table's length that a member keeps for each direction of its Hessian: XLA's own account of a chunked fit
# says 10.6, whatever the rows and the chunk; half as much again for other laws.
_LIVE_ARRAYS = 16
# Of the memory of an accelerator that a batch may take, and what is assumed where the device does not say.
_MEMORY_SHARE, _UNKNOWN_MEMORY = 0.25, 2**32
# Where the rows of a large table are spread by themselves. Not on CPU: one CPU device already spreads long arrays over
# its cores, and two were measured to be no faster up to a million rows. On accelerators this has not been measured.
ROWS_SPREAD_ON: tuple[str, ...] = ("gpu", "tpu")
LARGE_TABLE = 100_000
# Members x rows x (parameters + 1) of about two seconds of refits on one core.
WORTH_SPREADING = 1_000_000


class Plan(NamedTuple):
    """How a batch runs; hashable, a static argument of the jitted programs.

    Attributes
    ----------
    chunk
        Members that run side by side on one device; 1 is a plain compiled loop.
    devices
        Local devices that share the batch.
    """

    chunk: int
    devices: int


def automatic_chunk(rows: int, dimension: int, backend: str, budget: float) -> int:
    """Members of a batch that may run side by side on one device.

    Parameters
    ----------
    rows, dimension
        Rows of the table and free parameters.
    backend
        "cpu", "gpu", "tpu": what :func:`jax.default_backend` says.
    budget
        Bytes that the members may take together.

    Returns
    -------
    1 on CPU, where a loop is fastest. Elsewhere the largest power of two up to 4096 that stays within the budget, at
    least 1. A member's Newton step holds a few arrays of the table's length for each of its ``dimension`` directions,
    and a few matrices of ``dimension`` squared.
    """
    if backend == "cpu":
        return 1
    member = 8.0 * _LIVE_ARRAYS * (dimension + 1) * (rows + dimension)
    affordable = int(min(max(budget / member, 1), _LARGEST_CHUNK))
    return 1 << (affordable.bit_length() - 1)


def plan_batch(rows: int, dimension: int, chunk: int | None = None, count: int | None = None) -> Plan:
    """The plan for a batch on this machine: the chunk as asked, or chosen from the size of the problem.

    All local devices share the batch, unless its ``count`` members are known to be so little work that one device is
    done before a program for several is compiled.

    Raises
    ------
    ValueError
        If the chunk asked for is not positive.
    """
    if chunk is not None and chunk < 1:
        raise ValueError(f"chunk={chunk}: give a positive number of batch members to run side by side, or None")
    devices = _devices()
    small = count is not None and count * rows * (dimension + 1) < WORTH_SPREADING
    found = chunk or automatic_chunk(rows, dimension, devices[0].platform, _budget(devices[0]))
    return Plan(found, 1 if small else len(devices))


def _devices() -> list[Any]:
    """Local devices of the default backend, or the one that ``jax.default_device`` names."""
    chosen = jax.config.jax_default_device  # pyright: ignore[reportAttributeAccessIssue]
    return [chosen] if isinstance(chosen, jax.Device) else jax.local_devices(backend=chosen)


def _budget(device: Any) -> float:
    stats = (device.memory_stats() if device.platform != "cpu" else None) or {}
    return _MEMORY_SHARE * stats.get("bytes_limit", _UNKNOWN_MEMORY)


def batched(fn: Callable[[Any], Any], members: Any, plan: Plan) -> Any:
    """``fn`` of every member of a batch (a tree with a leading axis), for use under ``jit``.

    ``fn`` may close over traced values; every device then holds them.
    """

    def loop(own: Any) -> Any:
        return jax.lax.map(fn, own, batch_size=plan.chunk if plan.chunk > 1 else None)

    if plan.devices == 1:
        return loop(members)
    count = _length(members)
    spread = jax.shard_map(
        loop,
        mesh=Mesh(np.asarray(_devices()[: plan.devices]), (_BATCH,), axis_types=(AxisType.Auto,)),
        in_specs=P(_BATCH),
        out_specs=P(_BATCH),
        # Nothing crosses devices inside a share, and the check refuses loops whose carries start as constants.
        check_vma=False,
    )
    return jax.tree.map(lambda found: found[:count], spread(_padded(members, plan.devices)))


def _length(members: Any) -> int:
    return int(jax.tree.leaves(members)[0].shape[0])


def _padded(members: Any, parts: int) -> Any:
    """Members repeated from the last on, until their number is a multiple of ``parts``."""
    count = _length(members)
    return _taken(members, np.minimum(np.arange(-(-count // parts) * parts), count - 1))


def _taken(members: Any, index: np.ndarray) -> Any:
    return jax.tree.map(lambda leaf: leaf[index], members)


def share(members: Any) -> Any:
    """The members of a batch that this process computes: an equal, padded part; all of them with one process.

    Every process has to call the same verbs with the same arguments in the same order.
    """
    parts = jax.process_count()
    if parts == 1:
        return members
    size = -(-_length(members) // parts)
    index = np.arange(jax.process_index() * size, (jax.process_index() + 1) * size)
    return _taken(members, np.minimum(index, _length(members) - 1))


def gather(results: Any, count: int) -> Any:
    """Results of all processes for what :func:`share` gave them: the first ``count``, as NumPy arrays."""
    local = jax.tree.map(np.asarray, results)
    if jax.process_count() == 1:
        return local
    return jax.tree.map(lambda found: found[:count], multihost_utils.process_allgather(local, tiled=True))


def shard_rows(data: Dataset, weights: Any = None) -> tuple[Dataset, jax.Array]:
    """The table and its row weights, spread by rows over the local devices.

    A jitted likelihood of them then runs on all devices at once, without a change to its code.

    Parameters
    ----------
    data
        The table, of any length.
    weights
        Weight of each row, shape ``(n,)``; ones if not given.

    Returns
    -------
    The table without labels and the weights. Both are padded to a multiple of the number of devices with copies of the
    last row that have weight 0: sums weighted by these weights are those of the table.
    """
    devices = _devices()
    spread = NamedSharding(Mesh(np.asarray(devices), (_ROWS,), axis_types=(AxisType.Auto,)), P(_ROWS))
    rows = len(data)
    given = np.ones(rows) if weights is None else np.asarray(weights, np.float64)
    table = jax.tree.map(np.asarray, data.bare())
    full = _padded(table, len(devices))
    padded = np.concatenate([given, np.zeros(len(full) - rows)])
    return jax.device_put(full, spread), jax.device_put(padded, spread)


def arrange(
    data: Dataset, weights: Any, count: int, dimension: int, chunk: int | None = None
) -> tuple[Dataset, Any, Plan]:
    """Decide whether the devices share the members of a batch or the rows of the table.

    The members, as a rule. The rows where there are at least 100,000 of them, fewer members than devices, and the
    devices are accelerators. Only for programs whose results and random numbers do not go by rows, because spread
    tables are padded.

    Parameters
    ----------
    data, weights
        The table without labels and its row weights ``(n,)``.
    count, dimension, chunk
        Members of the batch, free parameters, and the chunk asked for, if any.

    Returns
    -------
    The table and the weights to pass on, and the plan.
    """
    local = _devices()
    if len(data) >= LARGE_TABLE and count < len(local) and local[0].platform in ROWS_SPREAD_ON:
        return *shard_rows(data, weights), plan_batch(len(data), dimension, chunk)._replace(devices=1)
    return data, weights, plan_batch(len(data), dimension, chunk, count)
