"""Regression check: a fixed set of small recipes must give the same bytes after a refactoring.

    python benchmarks/same_bytes.py --save before.json
    python benchmarks/same_bytes.py --check before.json

Everything goes through the command line of this working tree, one process a recipe, on one thread
of the CPU. Answers depend on the processor and the version of torch: save and check on one machine.
"""

import argparse
import hashlib
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from PIL import Image

ROOT = Path(__file__).resolve().parents[1]
SAMPLES = ROOT / "sample_images"
NAMES = ("cat", "coffee", "rocket", "night", "woodcut", "glass")
PICTURES = (".png", ".jpg", ".tif", ".webp")
STOPPED = "stopped.png"

FIRST = (
    "cat.jpg night.jpg -o one.png --size 112 --iterations 20",
    "cat.jpg night.jpg -o mask.webp --size 96 --iterations 12 --mask cat_gray.png",
    "cat.jpg night.jpg woodcut.jpg -o regions.png --size 96 --iterations 12 "
    "--mask cat_mask.png --style-mask night_mask.png --style-mask woodcut_mask.png",
    "coffee.jpg night.jpg glass.jpg -o blend.jpg --size 96 --iterations 12 "
    "--style-weights 3,1 --style-scale 0.5,2",
    "rocket.jpg woodcut.jpg -o tiles.png --size 160 --iterations 8 --tile 64",
    "cat.jpg glass.jpg -o gatys.png --size 96 --iterations 12 --losses gatys "
    "--optimizer adam --pooling average --init content",
    "coffee.jpg night.jpg -o photo.tif --size 96 --iterations 12 --photo --color match --bits 16",
    "batch cat.jpg coffee.jpg rocket.jpg --style night.jpg --style woodcut.jpg -o batch "
    "--size 64 --iterations 8",
    "batch cat.jpg coffee.jpg --style night.jpg -o workers --size 64 --iterations 8 "
    "--workers 2 --format jpg",
    "sweep cat.jpg night.jpg -o sweep --strength 0.3,0.7 --tv 0,1 --size 64 --iterations 8",
)
THEN = (  # with what the others have made
    "replay one.png -o replayed.png",
    "compare one.png night.jpg --json",
)
STOP = f"cat.jpg night.jpg -o {STOPPED} --size 96 --iterations 60 --save-every 1 --save-to frames"


def main() -> int:
    """Print a SHA-256 for each output; save the answers or compare with saved ones."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--save", type=Path, help="write the answers to a JSON file")
    parser.add_argument("--check", type=Path, help="compare with a JSON file; exit 1 if different")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        answers = make_all(folder)
    for output, digest in answers.items():
        print(digest[:16], output)
    if options.save:
        options.save.write_text(json.dumps(answers, indent=1) + "\n")
    return 0 if options.check is None else compare(json.loads(options.check.read_text()), answers)


def make_all(folder: Path) -> dict[str, str]:
    """Every output's name with the SHA-256 of its bytes."""
    prepare(folder)
    inputs = {path.name for path in folder.iterdir()}
    answers = {}
    with ThreadPoolExecutor(max_workers=2) as pool:
        for done in [
            *pool.map(lambda words: run(words, folder), FIRST),
            *pool.map(lambda words: run(words, folder), THEN),
        ]:
            if "--json" in done.args:
                answers["compare"] = hashlib.sha256(done.stdout.encode()).hexdigest()
    stop_and_resume(folder)
    shutil.rmtree(folder / "frames")
    for path in sorted(folder.rglob("*")):
        output = path.relative_to(folder).as_posix()
        if path.suffix in PICTURES and output not in inputs:
            answers[output] = hashlib.sha256(path.read_bytes()).hexdigest()
    return answers


def run(words: str, folder: Path) -> subprocess.CompletedProcess[str]:
    """Run one command line to its end; raises `RuntimeError` where it fails."""
    done = subprocess.run(
        command(words), cwd=folder, env=environment(), capture_output=True, text=True
    )
    if done.returncode != 0:
        raise RuntimeError(f"{words}: exit code {done.returncode}\n{done.stderr}")
    return done


def prepare(folder: Path) -> None:
    """Fill a folder with small contents, styles and masks."""
    for name in NAMES:
        with Image.open(SAMPLES / f"{name}.jpg") as picture:
            picture.thumbnail((256, 256))
            picture.save(folder / f"{name}.jpg", quality=95)
    for name, colors in (("cat", "red blue"), ("night", "blue red"), ("woodcut", "red blue")):
        with Image.open(folder / f"{name}.jpg") as picture:
            halves(picture.size, *colors.split()).save(folder / f"{name}_mask.png")
            Image.linear_gradient("L").resize(picture.size).save(folder / f"{name}_gray.png")


def halves(size: tuple[int, int], left: str, right: str) -> Image.Image:
    """A mask of two regions, one on the left and one on the right."""
    mask = Image.new("RGB", size, left)
    mask.paste(right, (size[0] // 2, 0, *size))
    return mask


def stop_and_resume(folder: Path) -> None:
    """Interrupt a run after its first frames; go on from the checkpoint it leaves."""
    stopped = subprocess.Popen(command(STOP), cwd=folder, env=environment(), stderr=subprocess.PIPE)
    while stopped.poll() is None and len(list((folder / "frames").glob("*"))) < 3:
        time.sleep(0.02)
    stopped.send_signal(signal.SIGTERM)
    _, complaint = stopped.communicate(timeout=60)
    checkpoints = list(folder.glob(f"{STOPPED}*"))
    if (folder / STOPPED).exists() or len(checkpoints) != 1:
        sys.exit(f"the run was not stopped in time:\n{complaint.decode()}")
    run(f"resume {checkpoints[0].name}", folder)


def command(words: str) -> list[str]:
    """A command line of this working tree."""
    return [sys.executable, "-m", "stylecli", *words.split()]


def environment() -> dict[str, str]:
    """This working tree first on the path, one thread, no options from outside."""
    kept = {key: value for key, value in os.environ.items() if not key.startswith("STYLECLI_")}
    return {**kept, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1", "CUDA_VISIBLE_DEVICES": ""}


def compare(before: dict[str, str], after: dict[str, str]) -> int:
    """Exit code 0 where both agree, else 1 with the names that differ."""
    different = [name for name in before | after if before.get(name) != after.get(name)]
    for name in different:
        print(f"different: {name}", file=sys.stderr)
    return 1 if different else 0


if __name__ == "__main__":
    sys.exit(main())
