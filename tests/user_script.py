"""A user's script, for the type checker alone: every public name, and uses that are refused.

A line marked `type: ignore` that would pass after all is an error, too: strict mode says so.
"""

from typing import assert_type

import torch
from PIL import Image

import stylecli
from stylecli import (
    Compute,
    InputError,
    Losses,
    MemoryLimitError,
    OutputError,
    Progress,
    ProgressBar,
    Result,
    Settings,
    SettingsError,
    StylecliError,
    Stylizer,
    UsageError,
    WeightsError,
    __version__,
    compare,
    load_encoder,
    match,
    stylize,
    stylize_video,
)

from stylecli import nonsense  # type: ignore[attr-defined]  # isort: skip


def on_progress(progress: Progress) -> None:
    """Print the losses and look at the picture."""
    assert_type(progress.losses, Losses)
    print(f"{progress.fraction:.0%}", progress.losses.total, progress.image().shape)


def use_every_name() -> None:
    """The calls of the documentation."""
    result = stylize("photo.jpg", Image.new("RGB", (8, 8)), size=512, strength=0.6)
    assert_type(result, Result)
    assert_type(result.image, torch.Tensor)
    assert_type(result.to_pil(), Image.Image)
    assert_type(result.save("out.png", force=True, bits=16), tuple[str, ...])
    encoder = load_encoder("vgg19")
    stylizer = Stylizer(encoder, device="cpu", precision="fp32", max_memory="4G")
    settings = Settings(size=256, quality="high", style_weights=(3.0, 1.0))
    result = stylizer.stylize(
        result.image, [b"", "a.jpg"], settings, mask="mask.png", on_progress=ProgressBar(leave=True)
    )
    stylizer.stylize("photo.jpg", "painting.jpg", on_progress=on_progress, seed=1)
    assert_type(compare("a.png", "b.png").style, float)
    assert_type(
        [(style.name, style.distance) for style in match("a", "b")], list[tuple[str, float]]
    )
    stylize_video("clip.mp4", ["a.jpg"], "out.mp4", settings, size=320, workers=2)
    print(Compute(device="cuda:1"), __version__, result.losses.style, stylecli.stylize)


def handle_errors() -> int:
    """Each error is of the one family, with an exit code."""
    try:
        use_every_name()
    except (InputError, OutputError, SettingsError, UsageError) as error:
        return error.exit_code
    except (MemoryLimitError, WeightsError) as error:
        raise StylecliError(str(error)) from error
    return 0


def refused() -> None:
    """Wrong keywords, types, values and names."""
    stylize("a.jpg", "b.jpg", sise=512)  # type: ignore[call-arg]
    stylize("a.jpg", "b.jpg", size="512")  # type: ignore[arg-type]
    stylize("a.jpg", "b.jpg", quality="best")  # type: ignore[arg-type]
    stylize("a.jpg", 5)  # type: ignore[arg-type]
    stylize("a.jpg")  # type: ignore[call-arg]
    stylize("a.jpg", "b.jpg", on_progress=lambda: None)  # type: ignore[arg-type, misc]
    Stylizer("compact", "cpu")  # type: ignore[call-arg]
    Stylizer().stylize("a.jpg", "b.jpg", strenght=0.5)  # type: ignore[call-arg]
    stylize("a.jpg", "b.jpg").save("c.png", bits=12)  # type: ignore[arg-type]
    print(stylize("a.jpg", "b.jpg").picture)  # type: ignore[attr-defined]
    stylize_video("clip.mp4", "a.jpg")  # type: ignore[call-arg]
    stylize_video("clip.mp4", "a.jpg", "out.mp4", sise=320)  # type: ignore[call-arg]
    stylecli.stylise("a.jpg", "b.jpg")  # type: ignore[attr-defined]
    print(nonsense)
