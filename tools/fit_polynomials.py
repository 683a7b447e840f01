# SPDX-License-Identifier: Apache-2.0
"""Fits the polynomials of the vector math functions and writes src/codegen/llvm/math_coefficients.h.

    python tools/fit_polynomials.py            (needs mpmath and numpy)

Each polynomial p minimises the largest weighted error |w(x) (p(x) - f(x))| on an interval (Lawson's iteration; f in 60 digits). Coefficients are
then rounded to float32 one by one, lowest degree first, and the rest is fitted again around what is fixed, so that rounding costs little.
The weight makes the error relative to the final result of the function, not to p.
"""
import struct
import sys
from pathlib import Path

import mpmath as mp
import numpy as np

mp.mp.dps = 80


def to_float32(value):
    return mp.mpf(struct.unpack("f", struct.pack("f", float(value)))[0])


def to_float64(value):
    return mp.mpf(float(value))


def minimax(values, weights, points, degrees, scale):
    """Coefficients that make the largest weighted error small: least squares, reweighted by the error again and again (Lawson)."""
    basis = np.array([[(x / scale) ** d for d in degrees] for x in points])
    lawson = np.ones(len(points)) / len(points)
    best, best_error = None, np.inf
    for _ in range(400):
        factor = np.sqrt(lawson) * weights
        solution = np.linalg.lstsq(basis * factor[:, None], values * factor, rcond=None)[0]
        errors = np.abs(weights * (basis @ solution - values))
        if errors.max() < best_error:
            best, best_error = solution, errors.max()
        lawson *= errors
        lawson /= lawson.sum()
    return [mp.mpf(c) / mp.mpf(scale) ** d for c, d in zip(best, degrees)]


def fit(target, weight, degree, low, high, rounding):
    low, high = mp.mpf(low), mp.mpf(high)
    points = [(low + high) / 2 - (high - low) / 2 * mp.cos(mp.pi * i / 300) for i in range(301)]
    exact = [target(x) for x in points]
    weights = np.array([float(weight(x)) for x in points])
    floats = np.array([float(x) for x in points])
    fixed = []
    for lowest in range(degree + 1):
        # In double from here on: what is left after the fixed terms is small, so its relative precision is ample.
        rest = np.array([float(y - sum(c * x**d for d, c in enumerate(fixed))) for x, y in zip(points, exact)])
        coefficients = minimax(rest, weights, floats, list(range(lowest, degree + 1)), max(abs(floats)))
        fixed.append(rounding(coefficients[0]))
    worst = max(abs(w * (sum(c * x**d for d, c in enumerate(fixed)) - y)) for x, y, w in zip(points, exact, weights))
    return fixed, worst


def series(x, terms):
    return sum(terms(n) * x**n for n in range(40))


def limited(function, limit_terms):
    """A quotient that is 0/0 at 0: by its series near 0."""
    return lambda x: series(x, limit_terms) if abs(x) < mp.mpf("0.01") else function(x)


def odd_tail(function, terms):
    """(f(r) - r) / r^3 over u = r^2, of an odd function."""
    return limited(lambda u: (function(mp.sqrt(u)) - mp.sqrt(u)) / mp.sqrt(u) ** 3, terms)


def odd_weight(function):
    """What an error of the tail is beside the function."""
    return lambda u: u * mp.sqrt(u) / function(mp.sqrt(u)) if u > 0 else small


half_ln2 = mp.log(2) / 2 * mp.mpf("1.0001")
quarter_pi = mp.pi / 4 * mp.mpf("1.0001")
small = mp.mpf("1e-30")

# name, what it is, f, weight, degree, interval, rounding
FITS = [
    ("exp_tail", "e^r = 1 + r (1 + r p(r)), |r| <= ln 2 / 2",
     limited(lambda r: (mp.exp(r) - 1 - r) / r**2, lambda n: 1 / mp.factorial(n + 2)),
     lambda r: r**2 / mp.exp(r) + small, 4, -half_ln2, half_ln2, to_float32),
    ("expm1_tail", "e^r - 1 = r + r^2 p(r), |r| <= ln 2 / 2",
     limited(lambda r: (mp.exp(r) - 1 - r) / r**2, lambda n: 1 / mp.factorial(n + 2)),
     lambda r: abs(r) + small, 5, -half_ln2, half_ln2, to_float32),
    ("log_tail", "log(1 + f) = f - f^2/2 + f^3 p(f), 2/3 <= 1 + f < 4/3",
     limited(lambda f: (mp.log1p(f) - f + f**2 / 2) / f**3, lambda n: (-1) ** n / mp.mpf(n + 3)),
     lambda f: abs(f**2) + small, 7, mp.mpf(-1) / 3, mp.mpf(1) / 3, to_float32),
    ("erf_small", "erf(x) = x + x p(x^2), |x| <= 0.875",
     limited(lambda u: mp.erf(mp.sqrt(u)) / mp.sqrt(u) - 1,
             lambda n: (-1) ** n * 2 / mp.sqrt(mp.pi) / (mp.factorial(n) * (2 * n + 1)) - (1 if n == 0 else 0)),
     lambda u: mp.mpf(1), 6, 0, mp.mpf("0.875") ** 2, to_float32),
    ("erf_large", "erf(x) = 1 - e^-p(x), 0.875 <= x <= 4",
     lambda x: -mp.log(mp.erfc(x)), mp.erfc, 8, mp.mpf("0.875"), mp.mpf(4), to_float32),
    ("exp2_tail", "2^r = 1 + r p(r), |r| <= 1/2",
     limited(lambda r: (2**r - 1) / r, lambda n: mp.log(2) ** (n + 1) / mp.factorial(n + 1)),
     lambda r: abs(r) / 2**r + small, 5, mp.mpf("-0.5001"), mp.mpf("0.5001"), to_float32),
    ("exp2_short_tail", "2^r = 1 + r p(r), |r| <= 1/2, for results that are small beside others",
     limited(lambda r: (2**r - 1) / r, lambda n: mp.log(2) ** (n + 1) / mp.factorial(n + 1)),
     lambda r: abs(r) / 2**r + small, 4, mp.mpf("-0.5001"), mp.mpf("0.5001"), to_float32),
    # The weight: what the error of the logarithm makes of the distribution, and enough in the far tail to keep it small there.
    ("log2_normal", "log2 of the normal distribution at x, -8 <= x <= 0",
     lambda x: mp.log(mp.erfc(-x / mp.sqrt(2)) / 2, 2),
     lambda x: mp.log(2) * max(mp.erfc(-x / mp.sqrt(2)) / 2, mp.mpf("1e-9")), 8, -8, 0, to_float32),
    ("asin_tail", "asin(r) = r + r^3 p(r^2), |r| <= 1/2",
     odd_tail(mp.asin, lambda n: mp.binomial(2 * n + 2, n + 1) / (mp.mpf(4) ** (n + 1) * (2 * n + 3))), odd_weight(mp.asin), 4, 0,
     mp.mpf("0.25"), to_float32),
    ("atan_tail", "atan(r) = r + r^3 p(r^2), |r| <= 1", odd_tail(mp.atan, lambda n: (-1) ** (n + 1) / mp.mpf(2 * n + 3)), odd_weight(mp.atan), 8, 0, 1,
     to_float32),
    ("sin_half_turn", "sin(r) = r + r^3 p(r^2), |r| <= pi/2", odd_tail(mp.sin, lambda n: (-1) ** (n + 1) / mp.factorial(2 * n + 3)),
     odd_weight(mp.sin), 4, 0, (mp.pi / 2 * mp.mpf("1.001")) ** 2, to_float32),
    ("tan_tail", "tan(r) = r + r^3 p(r^2), |r| <= pi/4",
     odd_tail(mp.tan, lambda n: mp.mpf(2) ** (2 * n + 4) * (mp.mpf(2) ** (2 * n + 4) - 1) * abs(mp.bernoulli(2 * n + 4)) / mp.factorial(2 * n + 4)),
     odd_weight(mp.tan), 6, 0, (quarter_pi * mp.mpf("1.001")) ** 2, to_float32),
    ("sin_tail", "sin(r) = r + r^3 p(r^2), |r| <= pi/4",
     limited(lambda u: (mp.sin(mp.sqrt(u)) - mp.sqrt(u)) / mp.sqrt(u) ** 3, lambda n: (-1) ** (n + 1) / mp.factorial(2 * n + 3)),
     lambda u: u + small, 3, 0, quarter_pi**2, to_float64),
    ("cos_tail", "cos(r) = 1 - r^2/2 + r^4 p(r^2), |r| <= pi/4",
     limited(lambda u: (mp.cos(mp.sqrt(u)) - 1 + u / 2) / u**2, lambda n: (-1) ** n / mp.factorial(2 * n + 4)),
     lambda u: u**2 + small, 2, 0, quarter_pi**2, to_float64),
]

# 2 / pi in pieces of 28 bits: the product of one with a float32 is exact in double.
def two_over_pi(count=7, width=28):
    rest, pieces = 2 / mp.pi, []
    for i in range(1, count + 1):
        unit = mp.mpf(2) ** (-width * i)
        piece = mp.floor(rest / unit) * unit
        pieces.append(piece)
        rest -= piece
    return pieces


def main():
    out = Path(__file__).resolve().parent.parent / "src/codegen/llvm/math_coefficients.h"
    lines = ["// SPDX-License-Identifier: Apache-2.0",
             "// Coefficients of the vector math functions, constant term first. Generated by tools/fit_polynomials.py; do not edit.",
             "#pragma once", "", "#include <array>", "", "namespace tw::codegen::coefficients {", ""]
    for name, meaning, target, weight, degree, low, high, rounding in FITS:
        coefficients, worst = fit(target, weight, degree, low, high, rounding)
        bits = float(-mp.log(worst, 2))
        print(f"{name}: largest error 2^-{bits:.2f}", file=sys.stderr)
        kind = "float" if rounding is to_float32 else "double"
        suffix = "f" if kind == "float" else ""
        values = ", ".join(f"{float(c).hex()}{suffix}" for c in coefficients)
        lines += [f"// {meaning}; largest error 2^-{bits:.1f}",
                  f"inline constexpr std::array<{kind}, {degree + 1}> {name} = {{{values}}};", ""]
    values = ", ".join(float(piece).hex() for piece in two_over_pi())
    lines += ["// 2 / pi in pieces of 28 bits: the product of each with a float32 is exact in double.",
              f"inline constexpr std::array<double, 7> two_over_pi = {{{values}}};", ""]
    lines += ["} // namespace tw::codegen::coefficients", ""]
    out.write_text("\n".join(lines))


if __name__ == "__main__":
    main()
