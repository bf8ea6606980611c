"""Session: encoders and style pictures cached from one job to the next."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from stylecli import transfer
from stylecli.bounded_cache import BoundedCache
from stylecli.encoder import loading
from stylecli.encoder.callbacks import DownloadCallback, MessageCallback
from stylecli.encoder.vgg import Encoder
from stylecli.errors import is_device_failure, is_out_of_memory
from stylecli.job import Job
from stylecli.messages import ignore
from stylecli.pipeline.delivery import recipe_of, write_result
from stylecli.pipeline.device_check import Approval, approve, maker
from stylecli.pipeline.finishing import Finishing, finished_progress, finishing_of
from stylecli.pipeline.inputs import Inputs, Reader
from stylecli.pipeline.measure import Meter
from stylecli.pipeline.out_of_memory import memory_guard
from stylecli.pipeline.request_builder import Masks, compose
from stylecli.provenance.hashing import Digests
from stylecli.settings import WARM_START_ENCODER, Compute, Settings
from stylecli.transfer import Request
from stylecli.transfer.objective.targets import Targets
from stylecli.transfer.results import PreparationCallback, ProgressCallback, Result


@dataclass(frozen=True)
class JobResult:
    """A picture that has been written; `recipe` is what its metadata holds.

    `notes` are sentences for the user, from reading the pictures and from the run.
    """

    output: Path
    result: Result
    recipe: dict[str, Any]
    notes: tuple[str, ...] = ()
    smallest_style: int = 1  # long side in pixels of the smallest style picture


@dataclass(frozen=True)
class Prepared:
    """A job whose pictures have been read."""

    job: Job
    inputs: Inputs
    request: Request
    finishing: Finishing


class Session:
    """Runs jobs, with encoders, style targets and style pictures cached between them.

    `on_message` is called with a short line before each step that may take a while,
    `on_download` with the bytes done and in all while encoder weights are fetched.
    """

    def __init__(
        self,
        *,
        on_message: MessageCallback | None = None,
        on_download: DownloadCallback | None = None,
        reader: Reader | None = None,
    ) -> None:
        self.say = on_message or ignore
        self.on_download = on_download
        self.reader = reader or Reader()
        self.digests = Digests()
        self.meter = Meter()
        self._encoders: dict[tuple[str, str, str], Encoder] = {}
        self._targets: BoundedCache[tuple[object, ...], Targets] = BoundedCache(2)  # warm start
        self._approvals: dict[Compute, Approval] = {}

    def prepare(self, job: Job) -> Prepared:
        """Read a job's pictures. Raises `InputError`."""
        inputs = self.reader.read(job)
        divided = None
        if inputs.mask is not None:
            names = [mask.name for mask in job.style_masks]
            divided = Masks(inputs.mask, inputs.style_masks, str(job.mask), names)
        request = compose(job.settings, inputs.content, inputs.styles, inputs.init, divided)
        keep_alpha = job.output_options.keep_alpha
        finishing = finishing_of(request, inputs.content, keep_alpha=keep_alpha)
        return Prepared(job, inputs, request, finishing)

    def encoder(self, job: Job) -> Encoder:
        """The encoder of a job, loaded once. Raises `WeightsError`."""
        return self._load(job, job.settings.encoder_name)

    def load_encoders(self, job: Job) -> None:
        """Load what `make` needs, so that a caller can time it alone. Raises `WeightsError`."""
        self.encoder(job)
        if job.settings.is_warm_started:
            self._load(job, WARM_START_ENCODER)

    def _load(self, job: Job, name: str) -> Encoder:
        settings = job.settings
        key = name, settings.pooling, settings.padding
        if key not in self._encoders:
            self.say(f"Loading encoder {name}")
            self._encoders[key] = loading.load_encoder(
                name,
                pooling=settings.pooling,
                padding=settings.padding,
                download=name in job.downloadable,
                max_bytes=job.compute.max_bytes,
                on_download=self.on_download,
                on_message=self.say,
            )
        return self._encoders[key]

    def use(self, encoder: Encoder) -> None:
        """Take an encoder that is loaded already for jobs that name it."""
        self._encoders[encoder.spec.name, encoder.pooling, encoder.padding] = encoder

    def make(
        self,
        prepared: Sequence[Prepared],
        *,
        on_progress: ProgressCallback | None = None,
        on_preparation: PreparationCallback | None = None,
        resume: dict[str, Any] | None = None,
    ) -> list[Result]:
        """Make pictures that can be made together (`Request.can_batch_with`), of one output size.

        They are finished, in the results as in every progress report. Raises `InputError`,
        `WeightsError`, `UsageError` or `MemoryLimitError`.
        """
        first, finishings = prepared[0].job, [one.finishing for one in prepared]
        if on_progress is not None:
            on_progress = finished_progress(on_progress, finishings)
        encoder = self.encoder(first)
        with memory_guard(prepared[0].inputs.content.pixels.shape, first.settings):
            approval = self._approve(first.compute, encoder)
            results = transfer.stylize_batch(
                [one.request for one in prepared],
                compute=approval.compute,
                encoder=encoder,
                targets=self._targets_for(encoder, first.settings, approval.compute),
                warm_targets=self._warm_targets(first, approval.compute),
                on_progress=on_progress,
                on_preparation=on_preparation,
                resume=resume,
                capture=approval.capture,
            )
        notes = (approval.note,) if approval.note else ()
        pairs = zip(finishings, results, strict=True)
        finished = [finishing.result(result) for finishing, result in pairs]
        return [replace(result, notes=(*notes, *result.notes)) for result in finished]

    def measure(self, prepared: Prepared, result: Result) -> dict[str, float]:
        """Content and style distance of a result; none where memory is too short or a GPU fails."""
        encoder = self.encoder(prepared.job)
        try:
            return self.meter.measure(encoder, prepared.job, prepared.inputs, result.planes)
        except Exception as error:  # a finished picture is not lost to its measurement
            if is_out_of_memory(error) or is_device_failure(error):
                return {}
            raise

    def deliver(self, prepared: Prepared, result: Result) -> JobResult:
        """Write a picture with its recipe inside, complete or not at all. Raises `OutputError`."""
        job, inputs = prepared.job, prepared.inputs
        recipe = recipe_of(job, inputs, result)
        written = write_result(job, inputs.content.meta, result, recipe)
        notes = (*inputs.notes, *result.notes, *(f"{job.output.name}: {note}" for note in written))
        smallest = min(max(style.width, style.height) for style in inputs.styles)
        return JobResult(job.output, result, recipe.to_dict(), notes, smallest)

    def _approve(self, compute: Compute, encoder: Encoder) -> Approval:
        """How the device of a job is used, after a check where it is new."""
        if compute not in self._approvals:
            self._approvals[compute] = approve(compute, maker(encoder))
        return self._approvals[compute]

    def _warm_targets(self, job: Job, compute: Compute) -> Targets | None:
        if not job.settings.is_warm_started:
            return None
        return self._targets_for(self._load(job, WARM_START_ENCODER), job.settings, compute)

    def _targets_for(self, encoder: Encoder, settings: Settings, compute: Compute) -> Targets:
        """Style targets on the device: the encoder, and Gram matrices of the styles seen so far."""
        layers = settings.content_layers, settings.style_layers, settings.losses, settings.octaves
        key = id(encoder), layers, compute.device, compute.precision
        return self._targets.get_or_make(
            key, lambda: transfer.make_targets(encoder, settings, compute)
        )
