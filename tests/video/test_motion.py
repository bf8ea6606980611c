from typing import Any

import numpy as np
import torch

from stylecli.video.clip import ClipFrame
from stylecli.video.cuts import find_cuts, scan_clip, split_shots
from stylecli.video.motion import REACH, MotionTracker
from stylecli.video.reliability import reliability_mask, without
from stylecli.video.warping import compose_flows, resize_flow, sample, warp


def constant(u: float, v: float, size: tuple[int, int] = (12, 16)) -> torch.Tensor:
    return torch.tensor([u, v], dtype=torch.float32)[:, None, None].expand(2, *size).contiguous()


def test_a_warp_by_whole_pixels_moves_and_replicates_the_border() -> None:
    image = torch.rand((3, 12, 16), generator=torch.Generator().manual_seed(0))
    moved = warp(image, constant(2, -1))
    assert torch.equal(moved[:, 1:, :-2], image[:, :-1, 2:])
    assert torch.equal(moved[:, 1:, -1], image[:, :-1, -1])
    assert torch.equal(moved[:, 0, :-2], image[:, 0, 2:])


def test_catmull_rom_keeps_parabolas_where_bilinear_does_not() -> None:
    x = torch.arange(16.0)
    image = (x * x / 256).expand(3, 12, 16).contiguous()
    flow = constant(0.5, 0.0)
    wanted = (x + 0.5).square() / 256
    inner = slice(2, -3)
    torch.testing.assert_close(warp(image, flow)[0, 0, inner], wanted[inner])
    assert float((sample(image, flow)[0, 0, inner] - wanted[inner]).abs().min()) > 5e-4


def test_composed_flows_add_where_they_lead() -> None:
    ramp = torch.zeros(2, 12, 16)
    ramp[0] = torch.arange(16.0) / 8
    both = compose_flows(constant(2, 0), ramp)
    assert torch.allclose(both[0, :, 5], torch.full((12,), 2 + 7 / 8))


def test_a_flow_at_another_size_is_in_its_pixels() -> None:
    flow = resize_flow(constant(2, 1), (24, 48))
    assert flow.shape == (2, 24, 48)
    assert torch.allclose(flow[0], torch.tensor(6.0)) and torch.allclose(flow[1], torch.tensor(2.0))


def test_the_mask_rejects_what_was_hidden_what_moves_apart_and_what_comes_in() -> None:
    size = (24, 32)
    there, back = constant(0, 0, size), constant(0, 0, size)
    assert torch.equal(reliability_mask(there, back), torch.ones(1, *size))
    back[:, 10:14, 10:14] = 5.0  # leads elsewhere: hidden in the other frame
    mask = reliability_mask(there, back)[0]
    assert float(mask[10:14, 10:14].max()) == 0.0
    assert 0.0 < float(mask[9, 12]) < 1.0 and float(mask[2, 2]) == 1.0
    right = constant(4, 0, size)
    mask = reliability_mask(right, -right)[0]
    assert float(mask[:, -4:].max()) == 0.0 and float(mask[:, :-8].min()) == 1.0
    parted = constant(0, 0, size)
    parted[0, :, 16:] = 1.0  # two objects, each with its way back
    mask = reliability_mask(parted, -parted)[0]
    assert float(mask[:, 15:17].max()) == 0.0


def test_a_farther_frame_is_followed_where_no_nearer_one_is() -> None:
    near, far = torch.tensor([[[1.0, 0.25, 0.0]]]), torch.tensor([[[1.0, 1.0, 1.0]]])
    assert without(far, near).tolist() == [[[0.0, 0.75, 1.0]]]


def test_the_tracker_follows_a_shot_back_to_its_first_frame(cv2: Any, texture: Any) -> None:
    ground = texture(64, 128)
    tracker = MotionTracker()
    for place in range(REACH + 3):
        motions = tracker.advance(np.ascontiguousarray(ground[:, 2 * place : 2 * place + 80]))
        places = [motion.place for motion in motions]
        assert places == list(
            dict.fromkeys(p for p in (place - 1, place - REACH, 0) if 0 <= p < place)
        )
    for motion in motions:
        steps = REACH + 2 - motion.place
        inner = motion.flow[:, 16:-16, 36:-16]
        assert abs(float(inner[0].median()) - 2 * steps) < 0.25
        assert abs(float(inner[1].median())) < 0.25
    assert motions[0].seen > 0.8


def test_a_cut_stands_out_and_fast_motion_does_not() -> None:
    calm, cut, fast = [2.0] * 6, [40.0], [30.0] * 6
    assert find_cuts([*calm, *cut, *calm]) == [7]
    assert find_cuts([*calm, *fast, *calm]) == []
    assert find_cuts([14.0]) == [] and find_cuts([15.0]) == [1]


def test_cuts_of_frames(cv2: Any) -> None:
    shots = [np.full((48, 64, 3), color, np.uint8) for color in ((200, 30, 30), (20, 30, 220))]
    pixels = [shots[0]] * 4 + [shots[1]] * 4
    scan = scan_clip(ClipFrame(n, one, 40 * n, 40) for n, one in enumerate(pixels))
    assert scan.pts == tuple(range(0, 320, 40))
    assert find_cuts(scan.differences) == [4]


def test_frames_are_divided_into_shots() -> None:
    assert split_shots(range(5), [2]) == [(0, 1), (2, 3, 4)]
    assert split_shots([0, 3, 6, 9], [1, 2, 7]) == [(0,), (3, 6), (9,)]
    assert split_shots([], []) == []
