"""Elementary functions of arrays where XLA's own are the bottleneck on CPU: the logarithm, and exponentials below one.

In double precision XLA takes a logarithm three to five times as long as an exponential, and that twice as long as here.
Both are written in operations that the compiler turns into vector instructions on any device, each as a kernel of its
own: fused into what comes before and after, it would be computed again by every user. ``benchmarks/throughput.py``
times them.
"""

from typing import Any

import jax
import jax.numpy as jnp

# ln 2 in two parts, the first with trailing zeros, so that its product with an exponent is exact.
_LN2_HIGH, _LN2_LOW = 6.93147180369123816490e-01, 1.90821492927058770002e-10
# Coefficients in s**2 of (ln((1 + s) / (1 - s)) - 2 s) / s, |s| <= 3 - 2 sqrt 2, as in the C library fdlibm.
_ODD = (6.666666666666735130e-01, 2.857142874366239149e-01, 1.818357216161805012e-01, 1.479819860511658591e-01)
_EVEN = (3.999999999940941908e-01, 2.222219843214978396e-01, 1.531383769920937332e-01)
# Bits of sqrt(1/2): subtracted, they leave the exponent of the factor that brings a number into [sqrt(1/2), sqrt(2)).
_ROOT_HALF = 0x3FE6A09E667F3BCD
# An integer written into the low bits of 1.5 * 2**52 is that number as a float, once 1.5 * 2**52 is taken away.
_MAGIC_BITS, _MAGIC = 0x4338000000000000, 6755399441055744.0
_SMALLEST = 2.2250738585072014e-308


# (exp(r) - 1 - r) / r**2 for |r| <= ln(2) / 2: its Chebyshev interpolation of degree 9, off by 1e-17 of exp(r).
_FACTORS = (
    0.5000000000000001,
    0.16666666666666669,
    0.04166666666662413,
    0.008333333333330062,
    0.0013888888917213717,
    0.00019841269863053618,
    2.4801521295954376e-05,
    2.7557268459997064e-06,
    2.7620088445409757e-07,
    2.5100385495510327e-08,
)
_LOG2_E = 1.4426950408889634
# Below, the exponential is smaller than the smallest number with all its digits.
_LOWEST = -708.0


@jax.custom_jvp
def exp_below_one(x: jax.Array) -> jax.Array:
    """Exponential of numbers that are not positive, elementwise, to about one unit in the last place; 0 below -708.

    Rounding may have made them positive by a little; above 1 it is infinite. NaN for NaN.
    """
    x = jnp.asarray(x)
    shifted = x * _LOG2_E + _MAGIC
    count = shifted - _MAGIC
    r = x - count * _LN2_HIGH - count * _LN2_LOW
    r2 = r * r
    even, odd = _polynomial(r2, _FACTORS[0::2]), _polynomial(r2, _FACTORS[1::2])
    reduced = 1.0 + (r + r2 * (even + r * odd))
    power = jax.lax.bitcast_convert_type(shifted, jnp.int64) << 52
    found = jax.lax.bitcast_convert_type(jax.lax.bitcast_convert_type(reduced, jnp.int64) + power, jnp.float64)
    return jax.lax.optimization_barrier(jnp.where(x < _LOWEST, 0.0, jnp.where(x > 1.0, jnp.inf, found)))


@exp_below_one.defjvp
def _exp_jvp(primals: tuple[jax.Array], tangents: tuple[jax.Array]) -> tuple[jax.Array, jax.Array]:
    found = exp_below_one(*primals)
    return found, tangents[0] * found


def _polynomial(x: jax.Array, coefficients: tuple[float, ...]) -> Any:
    total: Any = coefficients[-1]
    for one in coefficients[-2::-1]:
        total = total * x + one
    return total


@jax.custom_jvp
def log(x: jax.Array) -> jax.Array:
    """Natural logarithm, elementwise, in double precision to about one unit in the last place.

    As ``jnp.log``: ``-inf`` at zero, NaN for negative numbers and NaN, ``inf`` at infinity. Numbers below 2.2e-308
    count as zero, as they do in XLA on CPU.
    """
    x = jax.lax.optimization_barrier(jnp.asarray(x))
    bits = jax.lax.bitcast_convert_type(x, jnp.int64)
    exponent = (bits - _ROOT_HALF) >> 52
    reduced = jax.lax.bitcast_convert_type(bits - (exponent << 52), jnp.float64)
    count = jax.lax.bitcast_convert_type(exponent + _MAGIC_BITS, jnp.float64) - _MAGIC
    f = reduced - 1.0
    s = f / (2.0 + f)
    z = s * s
    w = z * z
    odd, even = z * _polynomial(w, _ODD), w * _polynomial(w, _EVEN)
    half = 0.5 * f * f
    found = count * _LN2_HIGH - ((half - (s * (half + odd + even) + count * _LN2_LOW)) - f)
    usual = (x >= _SMALLEST) & (x < jnp.inf)
    edge = jnp.where(x < 0, jnp.nan, jnp.where(x < _SMALLEST, -jnp.inf, x))
    return jax.lax.optimization_barrier(jnp.where(usual, found, edge))


@log.defjvp
def _log_jvp(primals: tuple[jax.Array], tangents: tuple[jax.Array]) -> tuple[jax.Array, jax.Array]:
    (x,), (moved,) = primals, tangents
    # One division a number, however many derivatives are taken.
    return log(x), moved * jax.lax.optimization_barrier(1.0 / x)
