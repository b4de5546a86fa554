"""Elementary functions of arrays where XLA's own are the bottleneck: the natural logarithm.

On CPU XLA takes a logarithm in double precision three to five times as long as an exponential. The one here is written
in operations that the compiler turns into vector instructions on any device; ``benchmarks/throughput.py`` times it.
"""

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


@jax.custom_jvp
def log(x: jax.Array) -> jax.Array:
    """Natural logarithm, elementwise, in double precision to about one unit in the last place.

    As ``jnp.log``: ``-inf`` at zero, NaN for negative numbers and NaN, ``inf`` at infinity. Numbers below 2.2e-308
    count as zero, as they do in XLA on CPU.
    """
    # A kernel of its own: fused into what comes before and after, it would be computed again by every user.
    x = jax.lax.optimization_barrier(x)
    bits = jax.lax.bitcast_convert_type(x, jnp.int64)
    exponent = (bits - _ROOT_HALF) >> 52
    reduced = jax.lax.bitcast_convert_type(bits - (exponent << 52), jnp.float64)
    count = jax.lax.bitcast_convert_type(exponent + _MAGIC_BITS, jnp.float64) - _MAGIC
    f = reduced - 1.0
    s = f / (2.0 + f)
    z = s * s
    w = z * z
    odd = z * (_ODD[0] + w * (_ODD[1] + w * (_ODD[2] + w * _ODD[3])))
    even = w * (_EVEN[0] + w * (_EVEN[1] + w * _EVEN[2]))
    half = 0.5 * f * f
    found = count * _LN2_HIGH - ((half - (s * (half + odd + even) + count * _LN2_LOW)) - f)
    usual = (x >= _SMALLEST) & (x < jnp.inf)
    edge = jnp.where(x < 0, jnp.nan, jnp.where(x < _SMALLEST, -jnp.inf, x))
    return jax.lax.optimization_barrier(jnp.where(usual, found, edge))


@log.defjvp
def _log_jvp(primals: tuple[jax.Array], tangents: tuple[jax.Array]) -> tuple[jax.Array, jax.Array]:
    (x,), (moved,) = primals, tangents
    return log(x), moved / x
