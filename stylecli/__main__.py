"""`python -m stylecli`, the same as `stylize`."""

import sys

from stylecli.cli.app import main

if __name__ == "__main__":
    sys.exit(main())
