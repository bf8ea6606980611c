"""`python -m stylecli`, the same as `stylize`."""

import sys

if __name__ == "__main__":
    # `-m` has put the current folder, which may be a stranger's, before Python's own library, for
    # this process and for the workers that take its path over. A checkout is found there, last.
    if not sys.flags.safe_path:
        sys.path.append(sys.path.pop(0))

    from stylecli.cli.app import main

    sys.exit(main())
