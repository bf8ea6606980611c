"""What the fuzzers begin with: one good example of each thing that is parsed."""

import io
from typing import Any, Final

import torch
from safetensors.torch import save

from stylecli.encoder.architecture import VGG16_BLOCKS, vgg_plan

SETTINGS_OF_A_JOB: Final = {
    "encoder": "compact",
    "strength": 0.7,
    "tv": 0.0,
    "chroma_tv": 5.0,
    "losses": "relative",
    "style_layers": "relu1_1:5,relu2_1:4",
    "octaves": 3,
    "size": 512,
    "optimizer": "lbfgs",
    "init": "random",
    "seed": 0,
    "style_weights": [3.0, 1.0],
    "color": "style",
}
_INGREDIENT: Final = {"name": "château.jpg", "sha256": "a" * 64}
RECIPE: Final[dict[str, Any]] = {
    "format": 1,
    "program": "stylecli",
    "version": "1.0",
    "settings": SETTINGS_OF_A_JOB,
    "content": _INGREDIENT,
    "styles": [_INGREDIENT, _INGREDIENT],
    "encoder": _INGREDIENT,
    "init": _INGREDIENT,
    "mask": _INGREDIENT,
    "style_masks": [_INGREDIENT],
    "size": [512, 384],
    "iterations": 310,
    "losses": {"total": 0.6, "style": None},
    "pyramid": [[0.4, 0.02], [0.41, None]],
    "device": "cpu",
    "precision": "bf16",
    "torch": "2.8.0",
}
CHECKPOINT: Final[dict[str, Any]] = {
    "format": 2,
    "version": "1.0",
    "job": {
        "content": "/c.png",
        "output": "/o.png",
        "mask": "/m.png",
        "styles": ["/s.png", "/t.png"],
        "style_masks": ["/m.png", "/n.png"],
        "settings": SETTINGS_OF_A_JOB,
        "compute": {"device": "auto", "precision": "auto", "tile": "64", "max_memory": "2G"},
        "output_options": {"quality": 92, "bits": 8, "keep_alpha": True},
        "accept_damaged": False,
        "folder": "/",
    },
    "fingerprint": "f" * 64,
    "hashes": ["a" * 64],
    "side": {"digests": {"p.csv": "a" * 64}},
    "encoder": "e" * 64,
    "state": {
        "scale": 1,
        "iteration": 2,
        "descent": {
            "image": {"tensor": "/descent/image"},
            "best_image": {"tensor": "/descent/best_image"},
            "best": 0.5,
        },
    },
    "threads": 2,
    "torch": "2.8.0",
}
GALLERY: Final[dict[str, Any]] = {
    "format": 1,
    "version": "1.0",
    "names": ["night", "day"],
    "encoder": "compact",
    "encoder_sha256": "e" * 64,
    "threshold": 0.62,
    "report": {"raw": {"auc": 0.9, "equal_error": 0.1, "threshold": 0.5, "top1": 0.8}},
}
TEMPLATES: Final = ("{content}_{style}", "{index}/{seed}-{size}-{strength}.jpg", "plain")
LINES: Final = (
    "a.jpg\n# b\n\nb.jpg,c.jpg,d.png\n",
    '"a, b.jpg",c.jpg\nc.jpg',
    '{"content": "a.jpg", "style": "s.jpg", "output": "x/o.png", "strength": 0.5, "seed": 3}',
    '{"content": "a.jpg", "styles": ["s.jpg", "t.jpg"], "style_weights": [1, 2], "size": 64}',
    '{"content": "a.jpg", "alpha": 1, "tv": 0.5, "style_layers": "relu1_1:2", "encoder": "vgg16"}',
)
SETTINGS: Final = (
    'strength = 0.5\nsize = 512\nencoder = "compact"\nstyle_weights = [1, 2.5]\n',
    'alpha = 1e3\nbeta = 2\nstyle_layers = "relu1_1:5"\nseed = 0xff\ninit = "content"\n',
    'quality = "draft"\niterations = 1_000\ntv = inf\nchroma_tv = nan\nlearning_rate = -0.0\n',
)
AXES: Final = (
    *("strength=0.2,0.5", "alpha=0:1:5", "beta=1:1000:log4", "seed=0:3", "size=64,128"),
    *("style_layers=fine,coarse", "style_layers=relu1_1:5,relu2_1;relu3_1", "octaves=1:3"),
    *("style_weights=1,2;3,4", "style_scale=0.5:2:log3", "style_scale=1;2,3", "init=a/b.png"),
    *("quality=draft,high", "learning_rate=1e-3", "iterations=10:20:lin3", "encoder=compact"),
)


def weights_files(suffix: str) -> list[bytes]:
    """Small weights of the right architecture, in each form of a format."""
    weights, inputs = {}, 3
    for index, _ in (plan := vgg_plan(VGG16_BLOCKS, width=1, stop_after=2)).convolutions:
        weights[f"{index}.weight"] = torch.rand(1, inputs, 3, 3)
        weights[f"{index}.bias"] = torch.rand(1)
        inputs = 1
    assert len(plan.channels) == 2
    if suffix == ".safetensors":
        return [save(weights)]
    found = []
    for zipped in (True, False):
        file = io.BytesIO()
        torch.save(weights, file, _use_new_zipfile_serialization=zipped)
        found.append(file.getvalue())
    return found
