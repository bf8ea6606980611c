"""`--explain`: what each setting that matters is set to, and why, without doing the work."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from stylecli.encoder.registry import content_layers, get_spec, is_path, style_layers
from stylecli.images.discovery import STREAM
from stylecli.job import Job
from stylecli.messages import escaped
from stylecli.settings import DEFAULT_STRENGTH, WARM_START_ENCODER
from stylecli.settings.parsing import format_layers, format_number, format_numbers
from stylecli.system import free_memory

Size = tuple[int, int]


@dataclass(frozen=True)
class Explanation:
    """A setting, its value, and the reason for it in words."""

    name: str
    value: str
    reason: str


def explain_settings(job: Job, origins: Mapping[str, str]) -> list[Explanation]:
    """The settings of a job that matter; `origins` says where those come from that were given.

    Reads the pictures' headers and computes nothing. Raises `InputError`.
    """
    return [*_sizes(job, origins), *_objective(job, origins), *_computing(job, origins)]


def _sizes(job: Job, origins: Mapping[str, str]) -> Iterator[Explanation]:
    from stylecli.images.header import peek_size
    from stylecli.transfer.schedule import make_schedule, output_size

    settings = job.settings
    if job.content == STREAM:
        value = "the content's own" if settings.size is None else f"{settings.size} pixels long"
        yield Explanation("size", value, "the content is read from standard input later")
        return
    content = peek_size(job.content)
    size = output_size(content, settings)
    reason = origins.get("size", "default: the content's own")
    yield Explanation("size", _pixels(size), f"{reason}; the content is {_pixels(content)}")
    counts = [
        f"{one.iterations} at {_pixels(one.size)}"
        + (f" through {WARM_START_ENCODER}" if one.is_warm_start else "")
        for one in make_schedule(size, settings)
    ]
    quality = f"--quality {settings.quality}, {origins.get('quality', 'default')}"
    reason = origins.get("iterations", quality)
    yield Explanation("iterations", ", ".join(counts), f"{reason}; from coarse to fine")
    for style in job.styles:
        if style != STREAM:
            yield _style_size(style, peek_size(style), size)


def _style_size(style: object, pixels: Size, output: Size) -> Explanation:
    times = max(output) / max(pixels)
    reason = "large enough" if times <= 1 else f"the output is {times:.1f} times as large: enlarged"
    return Explanation(f"style {escaped(style)}", _pixels(pixels), reason)


def _objective(job: Job, origins: Mapping[str, str]) -> Iterator[Explanation]:
    settings = job.settings
    name = settings.encoder_name
    yield Explanation(
        "encoder", escaped(name), origins.get("encoder", f"goes with --quality {settings.quality}")
    )
    if not is_path(name):
        spec = get_spec(name)
        alpha, beta = settings.loss_weights(spec.gatys_ratio)
        default = "default of --losses gatys for this encoder"
        if settings.losses == "relative":
            default = f"default: --strength {DEFAULT_STRENGTH:g}, balanced at every size"
        turned = [origins[knob] for knob in ("strength", "alpha", "beta") if knob in origins]
        value = f"content {format_number(alpha)}, style {format_number(beta)}"
        yield Explanation("loss weights", value, ", ".join(dict.fromkeys(turned)) or default)
        for kind, resolve in (("content_layers", content_layers), ("style_layers", style_layers)):
            layers = format_layers(resolve(spec, getattr(settings, kind)))
            yield _setting(kind, layers, origins, "the encoder's")
    if len(job.styles) > 1:
        shares = (
            "equal" if settings.style_weights is None else format_numbers(settings.style_weights)
        )
        yield _setting("style_weights", shares, origins, "blended in equal parts")
    scale = "1" if settings.style_scale is None else format_numbers(settings.style_scale)
    yield _setting("style_scale", scale, origins, "strokes as large as in the style picture")
    octaves = "down to 32 pixels" if settings.octaves is None else str(settings.octaves)
    yield _setting("octaves", octaves, origins, "large strokes are the same at every size")
    yield _setting("chroma_tv", format_number(settings.chroma_tv), origins, "removes colored noise")
    yield _setting("color", settings.color, origins, "the style's colors")
    yield _setting("init", settings.init, origins, "strokes are free of the photo's own texture")
    yield _setting("seed", str(settings.seed), origins, "the same seed, the same picture")


def _computing(job: Job, origins: Mapping[str, str]) -> Iterator[Explanation]:
    from stylecli.transfer.compute.device import precision_name, resolve

    device, dtype = resolve(job.compute)
    yield _setting("device", str(device), origins, "what is here")
    yield _setting("precision", precision_name(dtype), origins, "fastest here without a loss")
    limit = job.compute.max_bytes or free_memory()
    yield _setting("max_memory", f"{limit / 2**30:.1f} GiB", origins, "what is free now")


def _setting(name: str, value: str, origins: Mapping[str, str], default: str) -> Explanation:
    return Explanation(name.replace("_", "-"), value, origins.get(name, f"default: {default}"))


def _pixels(size: Size) -> str:
    return f"{size[1]}x{size[0]}"
