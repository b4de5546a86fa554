"""One BLAS thread for all contenders; imported before NumPy, which reads the setting as it loads.

Threads do nothing for matrices of seven by seven, but on a busy machine they wait for one another: with both cores
taken, SciPy's L-BFGS-B was seen to take 20 to 40 times as long. progressfit does not depend on the setting.
"""

import os

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
