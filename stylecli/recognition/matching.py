"""Compare two pictures, build and train a gallery, match a picture against it."""

import contextlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import torch

from stylecli.encoder.loading import load_encoder
from stylecli.encoder.vgg import Encoder
from stylecli.errors import InputError, UsageError
from stylecli.images.alpha import without_hidden_colors
from stylecli.images.discovery import OnNote, find_pictures
from stylecli.images.picture import Picture
from stylecli.images.reading import read_picture
from stylecli.messages import escaped, ignore
from stylecli.recognition.embedding import fit_embedding
from stylecli.recognition.gallery import SUFFIX, Gallery, Match, load_gallery
from stylecli.recognition.metric import LONG_SIDE, Distances, PerceptualMetric
from stylecli.recognition.verification import Verification, evaluate_verification
from stylecli.settings import Compute, Settings
from stylecli.transfer.compute.device import resolve_device
from stylecli.transfer.resample import fit, resize
from stylecli.transfer.results import OnFraction

CROPS: Final = 24  # of each picture, to train with
CROP: Final = 192  # pixels of a crop's side, as it is encoded
SIDES: Final = (144, 256)  # of the picture at `LONG_SIDE`, that a crop is cut from
WHOLE: Final = (128, 192, 256, 384, 512)  # long sides at which whole pictures are learned, too
FOLDS: Final = 3
FEWEST: Final = 4  # styles to train with: some of them are held out
# Calibrated by benchmarks/recognition.py, where as many alike are refused as others are taken:
# for style crops of one painting and of two, for content photos with their results and with
# those of other photos.
THRESHOLDS: Final = {"style": 0.59, "content": 0.97}
Labeled = list[tuple[Path, str]]


def open_metric(name: str, compute: Compute) -> tuple[PerceptualMetric, Encoder]:
    """The perceptual metric of an encoder, in float32: distances are the same everywhere.

    Raises `WeightsError` or `UsageError`.
    """
    settings = Settings(encoder=name)
    encoder = load_encoder(name, pooling=settings.pooling, padding=settings.padding)
    return PerceptualMetric(encoder, resolve_device(compute.device)), encoder


def compare_files(
    a: Path, b: Path, metric: PerceptualMetric, long_side: int = LONG_SIDE
) -> Distances:
    """Perceptual distances of two pictures. Raises `InputError`."""
    return metric.distances(_planes(a), _planes(b), long_side)


def pictures_in(gallery: Path, on_note: OnNote = ignore) -> Labeled:
    """The pictures of a folder with the names of their styles.

    A picture in the folder is a style of its own, a folder in it a style with several pictures.
    `on_note` gets what else is there. Raises `InputError` where there are none.
    """
    if not gallery.is_dir():
        raise InputError(f"{escaped(gallery)} is no folder of pictures.")
    pictures = find_pictures([str(gallery)], recursive=True, on_note=on_note)
    return [
        (path, subfolder.parts[0] if subfolder and subfolder.parts else path.stem)
        for path, subfolder in pictures.items()
    ]


def build_gallery(
    pictures: Labeled,
    metric: PerceptualMetric,
    encoder: Encoder,
    on_fraction: OnFraction,
    on_note: OnNote = ignore,
) -> Gallery:
    """A gallery of whole pictures; `on_note` gets those that cannot be read and are left out.

    Raises `InputError` where none can be read.
    """
    names, descriptors = [], []
    for number, (path, name) in enumerate(pictures, 1):
        try:
            descriptors.append(metric.descriptor(_planes(path)))
            names.append(name)
        except InputError as error:
            if number == len(pictures) and not descriptors:
                raise
            on_note(f"left out: {error}")
        on_fraction(number / len(pictures))
    return Gallery(tuple(names), torch.stack(descriptors), encoder.spec.name, encoder.sha256)


def train_gallery(
    pictures: Labeled,
    metric: PerceptualMetric,
    encoder: Encoder,
    on_fraction: OnFraction,
    on_note: OnNote = ignore,
    *,
    seed: int = 0,
) -> Gallery:
    """A gallery with an embedding fitted to its styles, and a threshold from held-out ones.

    Raises `InputError`, or `UsageError` for fewer than four styles that can be read.
    """
    plain = build_gallery(
        pictures, metric, encoder, lambda share: on_fraction(0.2 * share), on_note
    )
    names = list(dict.fromkeys(plain.names))
    if len(names) < FEWEST:
        raise UsageError(f"training needs at least {FEWEST} styles, got {len(names)}.")
    samples = Samples()
    generator = torch.Generator().manual_seed(seed)
    for number, (path, name) in enumerate(pictures, 1):
        with contextlib.suppress(InputError):  # left out above
            samples.take(_planes(path), names.index(name), metric, generator)
        on_fraction(0.2 + 0.7 * number / len(pictures))
    report = held_out(samples, seed=seed)
    on_fraction(1.0)
    return Gallery(
        names=plain.names,
        descriptors=plain.descriptors,
        encoder=plain.encoder,
        encoder_sha256=plain.encoder_sha256,
        threshold=report["trained"].threshold,
        embedding=fit_embedding(*samples.tensors()),
        report=report,
    )


@dataclass(frozen=True)
class Samples:
    """Descriptors to train with, their labels, and which of them are crops: those are judged on."""

    descriptors: list[torch.Tensor] = field(default_factory=list)
    labels: list[int] = field(default_factory=list)
    crops: list[bool] = field(default_factory=list)

    def take(
        self,
        picture: torch.Tensor,
        label: int,
        metric: PerceptualMetric,
        generator: torch.Generator,
    ) -> None:
        """Crops of a picture, and all of it as if it were smaller, which results often are."""
        size = (picture.shape[-2], picture.shape[-1])
        small = [resize(picture[None], fit(size, side))[0].clamp(0.0, 1.0) for side in WHOLE]
        descriptors = [metric.descriptor(crop, CROP) for crop in crops_of(picture, generator)]
        self.crops.extend([True] * len(descriptors) + [False] * len(small))
        descriptors += [metric.descriptor(image) for image in small]
        self.descriptors.extend(descriptors)
        self.labels.extend([label] * len(descriptors))

    def tensors(self) -> tuple[torch.Tensor, torch.Tensor]:
        """Descriptors (n, k) and labels (n,)."""
        return torch.stack(self.descriptors), torch.tensor(self.labels)


def held_out(samples: Samples, *, seed: int) -> dict[str, Verification]:
    """Figures on crops of styles that the embedding was not fitted to, in up to three folds.

    The raw descriptors are judged on the same crops.
    """
    descriptors, labels = samples.tensors()
    crops = torch.tensor(samples.crops)
    count = int(labels.max()) + 1
    order = torch.randperm(count, generator=torch.Generator().manual_seed(seed))
    raw: list[Verification] = []
    trained: list[Verification] = []
    folds = min(FOLDS, count // 2)  # two styles in each at least, to be told apart
    for fold in range(folds):
        queries = torch.isin(labels, order[fold::folds])
        embedding = fit_embedding(descriptors[~queries], labels[~queries])
        tested = descriptors[crops]
        for figures, points in ((raw, tested), (trained, embedding(tested))):
            figures.append(
                evaluate_verification(torch.cdist(points, points), labels[crops], queries[crops])
            )
    return {"raw": _mean(raw), "trained": _mean(trained)}


def match_picture(
    picture: Path | Picture,
    gallery: Path,
    metric: PerceptualMetric,
    encoder: Encoder,
    on_note: OnNote = ignore,
) -> tuple[Gallery, list[Match]]:
    """A gallery, from its file or a folder of pictures, and its styles by distance.

    Raises `InputError`, also for a gallery of another encoder.
    """
    if gallery.suffix == SUFFIX and not gallery.is_dir():
        known = load_gallery(gallery)
        if known.encoder_sha256 != encoder.sha256:
            raise InputError(
                f"{escaped(gallery)} was made with the encoder {known.encoder}, which is another "
                "one: build it again, or choose that --encoder."
            )
    else:
        pictures = pictures_in(gallery, on_note)
        known = build_gallery(pictures, metric, encoder, ignore, on_note)
    descriptor = metric.descriptor(_planes(picture))
    if descriptor.shape[0] != known.descriptors.shape[1]:
        raise InputError(
            f"the codes in {escaped(gallery)} do not fit this encoder: build it again."
        )
    return known, known.match(descriptor)


def crops_of(picture: torch.Tensor, generator: torch.Generator) -> Iterator[torch.Tensor]:
    """Squares from anywhere in a picture, of several sizes, as strokes are."""
    size = fit((picture.shape[-2], picture.shape[-1]), LONG_SIDE)
    resized = resize(picture[None], size)[0].clamp(0.0, 1.0)
    for _ in range(CROPS):
        side = min(_below(SIDES[1] - SIDES[0] + 1, generator) + SIDES[0], *size)
        y, x = (_below(length - side + 1, generator) for length in size)
        crop = resized[:, y : y + side, x : x + side]
        if bool(crop[3:].any()) or len(crop) == 3:  # else there is nothing to see
            yield crop


def _planes(source: Path | Picture) -> torch.Tensor:
    """A picture as RGB (3, H, W), or RGBA (4, H, W) where some of it is not opaque."""
    if isinstance(source, Picture):
        return without_hidden_colors(source, "the picture").planes
    return without_hidden_colors(read_picture(source), escaped(source)).planes


def _below(bound: int, generator: torch.Generator) -> int:
    return int(torch.randint(bound, (1,), generator=generator))


def _mean(figures: Sequence[Verification]) -> Verification:
    columns = zip(
        *((one.auc, one.equal_error, one.threshold, one.top1) for one in figures), strict=True
    )
    return Verification(*(sum(column) / len(column) for column in columns))
