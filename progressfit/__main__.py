"""``python -m progressfit``: the command line."""

import sys

from progressfit.cli import main

if __name__ == "__main__":
    sys.exit(main())
