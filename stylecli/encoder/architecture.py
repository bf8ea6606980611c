"""Layer plans of the VGG family: which convolution, ReLU or pooling comes where; no torch."""

from dataclasses import dataclass
from functools import cached_property
from typing import Final

VGG19_BLOCKS: Final = (2, 2, 4, 4, 4)  # convolutions between two poolings
VGG16_BLOCKS: Final = (2, 2, 3, 3, 3)


@dataclass(frozen=True)
class Plan:
    """A VGG network: convolutions in each block, and output channels of each convolution.

    `channels` may be shorter than the blocks have convolutions: the network then stops early,
    after the ReLU of its last convolution, or after the pooling where that ends a block.
    """

    blocks: tuple[int, ...]
    channels: tuple[int, ...]

    @cached_property
    def layer_names(self) -> tuple[str, ...]:
        """`conv1_1 relu1_1 conv1_2 relu1_2 pool1 …`.

        The place of a name is its index in torchvision's `vgg.features`.
        """
        names: list[str] = []
        left = len(self.channels)
        for block, count in enumerate(self.blocks, 1):
            for number in range(1, min(count, left) + 1):
                names += [f"conv{block}_{number}", f"relu{block}_{number}"]
            left -= count
            if left >= 0:
                names.append(f"pool{block}")
            if left <= 0:
                break
        return tuple(names)

    @property
    def convolutions(self) -> tuple[tuple[int, str], ...]:
        """Index in torchvision's `features`, and name, of each convolution."""
        names = enumerate(self.layer_names)
        return tuple((index, name) for index, name in names if name.startswith("conv"))


def vgg_plan(blocks: tuple[int, ...], *, width: int = 64, stop_after: int | None = None) -> Plan:
    """The plan of Simonyan & Zisserman 2014 at any width, optionally cut after N convolutions.

    `width` is the channel count of block 1; it doubles with every block up to eight times.
    """
    channels = [
        width * min(2**block, 8) for block, count in enumerate(blocks) for _ in range(count)
    ]
    return Plan(blocks, tuple(channels[:stop_after]))
