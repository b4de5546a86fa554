"""The 1,296 combinations of choices behind the ImageNet growth rate: here, and on a Dask cluster of this machine.

    python benchmarks/multiverse_cluster.py [--json] [--quick]

Prints the seconds of both (with compiling, which every worker process does for itself), and the largest difference.

Last run (2 cores): 1,296 of 1,296 certified in both, 53 s here, 52 s on the cluster, largest difference 0. Conclusion:
the same numbers wherever it runs; on one machine a cluster gains nothing, because programs use all cores already.
"""

import argparse
import json
import time

import jax
import numpy as np
from distributed import Client, LocalCluster

import progressfit as pf
from progressfit.studies.erdil_besiroglu_2022.choices import CHOICES, universe


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    parser.add_argument("--quick", action="store_true", help="two options of each choice only")
    asked = parser.parse_args()
    choices = {name: options[:2] for name, options in CHOICES.items()} if asked.quick else CHOICES
    begin = time.perf_counter()
    here = pf.multiverse(choices, universe, key=jax.random.key(0))
    middle = time.perf_counter()
    with (
        LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address=None) as cluster,
        Client(cluster) as client,
    ):
        there = pf.multiverse(choices, universe, key=jax.random.key(0), executor=client.get_executor())
    end = time.perf_counter()
    both = here.frame["certified"] & there.frame["certified"]
    found = {
        "combinations": len(here.frame),
        "structures": here.structures,
        "certified": [int(here.frame["certified"].sum()), int(there.frame["certified"].sum())],
        "seconds": [middle - begin, end - middle],
        "largest_difference": float(np.abs(here.frame["value"] - there.frame["value"])[both].max()),
    }
    if asked.json:
        print(json.dumps(found))
        return
    print(
        f"{found['combinations']} combinations of {found['structures']} structures: {found['seconds'][0]:.0f} s here, "
        f"{found['seconds'][1]:.0f} s on a Dask cluster of two processes; {found['certified'][0]} and "
        f"{found['certified'][1]} certified; largest difference {found['largest_difference']:.1e} a year."
    )
    print(here)


if __name__ == "__main__":
    main()
