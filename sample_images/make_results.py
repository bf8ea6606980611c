"""Make the pictures that the README shows: `make samples`.

Default settings at 512 pixels, one run after another; about 30 s each on two cores.
"""

import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).parent
RESULTS = HERE / "results"
PICTURES = (
    ("cat", "night", "cat_night", ()),
    ("coffee", "woodcut", "coffee_woodcut", ()),
    ("rocket", "glass", "rocket_glass", ()),
    ("cat", "night", "strength_02", ("--strength", "0.2")),
    ("cat", "night", "strength_08", ("--strength", "0.8")),
)


def main() -> None:
    """Run the command line once for each picture; the first failure ends it."""
    for content, style, name, options in PICTURES:
        inputs = [str(HERE / f"{picture}.jpg") for picture in (content, style)]
        output = ["-o", str(RESULTS / f"{name}.jpg"), "--force", "--size", "512"]
        command = [sys.executable, "-m", "stylecli", *inputs, *output, *options]
        subprocess.run(command, check=True)


if __name__ == "__main__":
    main()
