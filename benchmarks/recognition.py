"""How well descriptors tell styles and contents apart; where the thresholds of `compare` come from.

    python benchmarks/recognition.py CONTENT_FOLDER STYLE_FOLDER [--seeds 5] [--size 256]

Verification and one-shot figures are on crops of paintings that training never saw. Twenty
results, five photos in four styles, are made here and matched against every style.
"""

import argparse
import itertools
import tempfile
from pathlib import Path

import torch

from stylecli.images.discovery import find_pictures
from stylecli.images.reading import read_picture
from stylecli.job import Job
from stylecli.pipeline.session import Session
from stylecli.recognition.embedding import fit_embedding
from stylecli.recognition.gallery import Gallery
from stylecli.recognition.matching import (
    CROP,
    Samples,
    build_gallery,
    crops_of,
    held_out,
    open_metric,
)
from stylecli.recognition.metric import PerceptualMetric
from stylecli.recognition.verification import equal_error, roc_auc
from stylecli.settings import Compute, Settings

RESULT_STYLES = 4


def sample(folder: Path, metric: PerceptualMetric) -> tuple[Samples, list[list[torch.Tensor]]]:
    """What training learns of every painting, and some crops."""
    samples, kept = Samples(), []
    generator = torch.Generator().manual_seed(0)
    for label, path in enumerate(find_pictures([str(folder)], recursive=False)):
        picture = read_picture(path).pixels
        samples.take(picture, label, metric, generator)
        kept.append(list(crops_of(picture, generator))[:6])
    return samples, kept


def show_verification(samples: Samples, seeds: int) -> None:
    """Raw descriptors against trained ones, on the same held-out crops."""
    figures = [held_out(samples, seed=seed) for seed in range(seeds)]
    for name in figures[0]:
        values = [each[name] for each in figures]
        auc, error, top1, threshold = (
            sum(getattr(each, field) for each in values) / seeds
            for field in ("auc", "equal_error", "top1", "threshold")
        )
        print(
            f"{name:8} ROC-AUC {auc:.4f}, equal-error rate {error:.4f}, top-1 {top1:.4f}, "
            f"threshold {threshold:.3f}"
        )
    better = sum(each["trained"].auc > each["raw"].auc for each in figures)
    print(f"trained above raw in AUC: {better} of {seeds} splits into thirds")


def show_style_threshold(metric: PerceptualMetric, kept: list[list[torch.Tensor]]) -> None:
    """Equal-error threshold of `compare --by style`, over crops of one and of two paintings."""
    grams = [[metric.grams(crop, CROP) for crop in mine] for mine in kept]
    alike = [
        metric.style_distance(a, b) for mine in grams for a, b in itertools.combinations(mine, 2)
    ]
    apart = [
        metric.style_distance(a, b)
        for one, two in itertools.combinations(grams, 2)
        for a, b in zip(one, two, strict=True)
    ]
    show_threshold("style", alike, apart)


def show_threshold(name: str, alike: list[float], apart: list[float]) -> None:
    """Figures of one decision."""
    same, other = torch.tensor(alike), torch.tensor(apart)
    error, threshold = equal_error(same, other)
    print(
        f"compare --by {name}: ROC-AUC {roc_auc(same, other):.4f}, equal-error rate {error:.4f} "
        f"at {threshold:.3f} ({len(alike)} alike, {len(apart)} apart)"
    )


def make_results(
    contents: Path, styles: Path, folder: Path, size: int
) -> list[tuple[Path, Path, Path]]:
    """Content, style and result of five photos in four styles."""
    session = Session()
    photos = list(find_pictures([str(contents)], recursive=False))[:5]
    named = find_pictures([str(styles)], recursive=False)
    paintings = [path for path in named if path.stem not in ("sketch", "brushstrokes")]
    made = []
    for photo, painting in itertools.product(photos, paintings[-RESULT_STYLES:]):
        output = folder / f"{photo.stem}_{painting.stem}.png"
        settings = Settings(size=size)
        job = Job(content=photo, styles=(painting,), output=output, settings=settings)
        prepared = session.prepare(job)
        session.deliver(prepared, session.make([prepared])[0])
        made.append((photo, painting, output))
    return made


def show_nearest(
    name: str, gallery: Gallery, metric: PerceptualMetric, made: list[tuple[Path, Path, Path]]
) -> None:
    """How many results are nearest to their own style."""
    right, rank = 0, 0.0
    for _, style, result in made:
        found = gallery.match(metric.descriptor(read_picture(result).pixels))
        names = [each.name for each in found]
        right += names[0] == style.stem
        other = next(each for each in found if each.name != style.stem)
        own = next(each for each in found if each.name == style.stem)
        rank += other.distance / own.distance / len(made)
    print(f"{name}: own style nearest in {right} of {len(made)}, the next {rank:.2f}x as far")


def main() -> None:
    """Print every figure."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("contents", type=Path)
    parser.add_argument("styles", type=Path)
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--size", type=int, default=256)
    given = parser.parse_args()
    metric, encoder = open_metric("compact", Compute())
    samples, kept = sample(given.styles, metric)
    show_verification(samples, given.seeds)
    show_style_threshold(metric, kept)
    pictures = [(path, path.stem) for path in find_pictures([str(given.styles)], recursive=False)]
    plain = build_gallery(pictures, metric, encoder, lambda _: None)
    trained = Gallery(
        plain.names,
        plain.descriptors,
        plain.encoder,
        plain.encoder_sha256,
        embedding=fit_embedding(*samples.tensors()),
    )
    with tempfile.TemporaryDirectory() as folder:
        made = make_results(given.contents, given.styles, Path(folder), given.size)
        show_nearest("raw descriptors", plain, metric, made)
        show_nearest("trained descriptors", trained, metric, made)
        photos = {photo for photo, _, _ in made}
        read = {path: read_picture(path).pixels for path in photos}
        alike: list[float] = []
        apart: list[float] = []
        for own, _, result in made:
            image = read_picture(result).pixels
            for photo in photos:
                distance = metric.distances(read[photo], image, given.size).content
                (alike if photo == own else apart).append(distance)
        show_threshold("content", alike, apart)


if __name__ == "__main__":
    main()
