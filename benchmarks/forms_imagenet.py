"""Which form for ImageNet accuracy, and does the answer depend on it: leave-one-out, stacking, growth rates.

Run: ``python benchmarks/forms_imagenet.py [--picture FILE.png]``. The first table repeats the choice of the slopes'
prior by leave-one-out with point refits (constants' prior sd 2); an independent computation found 2.6585, 2.6630,
2.6655, 2.6665, 2.6671, 2.6648, 2.6465 and 2.5548. The growth rate is that of effective compute; the linear law has one
trend only, which its rate counts as compute's.

Last measured (key 0; the eight figures above were found to every digit):

  form           elpd (se)      to best (se)  k bad  weight  log evidence (se)  prob.  growth rate [95%]
  no data trend  260.67 (8.63)  best          0      0.983   244.89 (0.00)      0.395  1.24 [0.831, 2.03]
  ceiling .98    259.68 (8.55)  -1.00 (0.90)  0      0.000   244.74 (0.02)      0.340  0.909 [0.103, 1.89]
  published      259.67 (8.58)  -1.01 (0.71)  0      0.000   244.37 (0.01)      0.235  0.966 [0.176, 1.97]
  linear         254.60 (8.38)  -6.07 (3.60)  0      0.017   242.32 (0.00)      0.030  1.79 [1.2, 3.1]
  stacked        260.67                              1.000                             1.25 [0.832, 2.09]

Conclusion: prediction does not tell the forms apart, and the forms differ by a factor of two in their median; stacking
goes for the law without a trend in data, whose narrower interval follows from leaving progress no other place to go.
Minutes on a shared CPU with 2 cores, most of it compiling and sampling four posteriors.
"""

import argparse
import time
from pathlib import Path

import jax
import numpyro.distributions as dist

import progressfit as pf

SLOPE_SDS = (0.15, 0.12, 0.10, 0.09, 0.08, 0.06, 0.04, 0.02)
# The same prior of the slopes as the published law, so that evidence compares forms rather than widths.
LINEAR_SD = 0.09


def forms() -> dict[str, pf.Model]:
    """Four laws of ImageNet accuracy with the published priors."""
    published = pf.laws.erdil_besiroglu()
    linear = pf.laws.linear({"compute": 4.7e17, "data": 1e6}, origin=2012.0, sd=LINEAR_SD)
    wide = dist.Normal(0.0, 1.0)
    return {
        "published": published,
        "ceiling .98": pf.laws.erdil_besiroglu(ceiling=0.98),
        "no data trend": pf.fix(published, {"data.progress.rate": 0.0}),
        "linear": pf.free(linear, {"const": wide, "noise.log_scale": wide}),
    }


def main() -> None:
    """Print both tables; the comparison also as a picture, if asked for."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--picture", type=Path)
    options = parser.parse_args()
    runs, key = pf.datasets.imagenet(), jax.random.key(0)
    print("slopes' prior sd   leave-one-out mean log density of accuracy")
    for sd in SLOPE_SDS:
        spec = pf.laws.erdil_besiroglu(slope_sd=sd, constant_sd=2.0)
        found = pf.cross_validate(spec, runs, key=key, method="map", on="response")
        print(f"{sd:<17}  {found.elpd.value / found.elpd.rows:.4f}{'' if found.ok.all() else '  not certified'}")
    begin = time.perf_counter()
    compared = pf.compare(forms(), runs, key=key, of=pf.growth_rate, on="response")
    print(f"\n{compared}\n\n{time.perf_counter() - begin:.0f} seconds, compiling included")
    if options.picture:
        figure = pf.report.plot_comparison(compared, "growth of effective compute (natural log units per year)")
        figure.savefig(options.picture, dpi=150)


if __name__ == "__main__":
    main()
