import torch

from stylecli.encoder.vgg import Encoder
from stylecli.settings import Compute, Settings
from stylecli.transfer import Request, Style
from stylecli.transfer.objective.targets import Targets
from stylecli.transfer.objective.temporal_loss import TemporalTerm
from stylecli.transfer.schedule import Scale, continued
from stylecli.transfer.stylization import stylize_batch
from stylecli.transfer.temporal_target import Continuation, TemporalTarget

SIZE = (10, 12)


def target(weight: float = 3.0) -> TemporalTarget:
    generator = torch.Generator().manual_seed(1)
    image = torch.rand((3, *SIZE), generator=generator)
    return TemporalTarget(image, torch.rand((1, *SIZE), generator=generator), weight)


def test_the_loss_is_the_formula_and_the_gradient_its_own() -> None:
    one = target()
    generator = torch.Generator().manual_seed(2)
    image = torch.rand((1, 3, *SIZE), generator=generator).requires_grad_()
    mean = (one.mask * one.image).sum((1, 2)) / one.mask.sum()
    spread = (one.mask * (one.image - mean[:, None, None]).square()).sum()
    wanted = 3.0 * (one.mask * (image[0] - one.image).square()).sum() / spread
    (slope,) = torch.autograd.grad(wanted, image)
    gradient = torch.ones_like(image)
    with torch.no_grad():
        value = TemporalTerm(one, SIZE).add_to(gradient, image)
    torch.testing.assert_close(value, wanted.detach()[None])
    torch.testing.assert_close(gradient, slope + 1.0)


def test_a_blank_target_or_mask_divides_cleanly() -> None:
    image = torch.full((1, 3, *SIZE), 0.25)
    for mask in (0.0, 1.0):
        blank = TemporalTarget(torch.full((3, *SIZE), 0.5), torch.full((1, *SIZE), mask), 1.0)
        value = TemporalTerm(blank, SIZE).add_to(torch.zeros_like(image), image)
        assert bool(value.isfinite().all())


def test_the_objective_adds_it_to_the_total_alone(
    compact: Encoder, content: torch.Tensor, style: torch.Tensor
) -> None:
    size = (content.shape[-2], content.shape[-1])
    targets = Targets(compact, Settings(), dtype=torch.float32, device=torch.device("cpu"))
    plain = Request(content, [Style(style)], Settings())
    one = TemporalTarget(1.0 - content, torch.ones_like(content[:1]), 2.0)
    frame = Request(content, [Style(style)], Settings(), temporal=[one])
    image = content[None].clone()
    terms, gradient = targets.objective([plain], size)(image)
    objective = targets.objective([frame], size)
    objective.temporal = [TemporalTerm(one, size)]
    with_terms, with_gradient = objective(image)
    added = torch.zeros_like(image)
    value = TemporalTerm(one, size).add_to(added, image)
    torch.testing.assert_close(with_terms.total, terms.total + value)
    assert torch.equal(with_terms.style, terms.style)
    torch.testing.assert_close(with_gradient, gradient + added)
    assert not plain.can_batch_with(frame)


def test_a_continuation_has_the_finest_scales_and_fewer_iterations() -> None:
    scales = (Scale((10, 10), 150), Scale((20, 20), 100), Scale((40, 40), 60))
    assert continued(scales, 2, 0.3) == (Scale((20, 20), 30), Scale((40, 40), 18))
    assert continued(scales[-1:], 2, 0.001) == (Scale((40, 40), 1),)


def test_a_continuation_begins_with_the_detail_of_its_start(
    compact: Encoder, content: torch.Tensor, style: torch.Tensor, small_scales: None
) -> None:
    """With one iteration a scale, none of which steps, the result is the start itself."""
    start = content.flip(-1)
    request = Request(
        content,
        [Style(style)],
        Settings(iterations=3),
        init=start,
        continuation=Continuation(2, 0.001),
    )
    compute = Compute(device="cpu", precision="fp32")
    (result,) = stylize_batch([request], compute=compute, encoder=compact)
    assert (result.iterations, result.pyramid) == (2, ())
    assert float((result.image - start).abs().max()) < 0.02
