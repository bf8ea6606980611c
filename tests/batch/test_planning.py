"""From what a batch is given to its jobs."""

import json
import re
import unicodedata
from pathlib import Path
from typing import Any

import pytest

from stylecli.batch.manifest import Manifest
from stylecli.batch.outcome import Outcome
from stylecli.batch.output_names import Naming
from stylecli.batch.planning import BatchPlan, BatchRequest, plan_batch
from stylecli.errors import InputError, OutputError, StylecliError, UsageError
from stylecli.images.formats import OutputOptions
from stylecli.settings import Compute, Settings


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("p/a.png", "p/b.png", "p/deep/a.png", "s/x.png", "s/y.png"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    monkeypatch.chdir(tmp_path)


def plan(*contents: str, styles: Any = ("s",), lines: Any = (), **more: Any) -> BatchPlan:
    request = {"folder": Path("out"), "contents": contents, "styles": styles, "lines": lines}
    return plan_batch(BatchRequest(**{**request, **more}))


def shape(found: BatchPlan) -> list[str]:
    return [
        f"{job.content} {'+'.join(map(str, job.styles))} {job.output.relative_to('out')}"
        for job in found.jobs
    ]


def test_product() -> None:
    assert shape(plan("p")) == [
        "p/a.png s/x.png a_x.png",
        "p/a.png s/y.png a_y.png",
        "p/b.png s/x.png b_x.png",
        "p/b.png s/y.png b_y.png",
    ]


def test_zip() -> None:
    assert shape(plan("p", pairing="zip")) == [
        "p/a.png s/x.png a_x.png",
        "p/b.png s/y.png b_y.png",
    ]
    with pytest.raises(UsageError, match="as many styles as contents, got 1 for 2"):
        plan("p", styles=["s/x.png"], pairing="zip")


def test_blend() -> None:
    assert shape(plan("p", pairing="blend")) == [
        "p/a.png s/x.png+s/y.png a_x+y.png",
        "p/b.png s/x.png+s/y.png b_x+y.png",
    ]


def test_the_mirrored_tree() -> None:
    assert shape(plan("p", styles=["s/x.png"], recursive=True)) == [
        "p/a.png s/x.png a_x.png",
        "p/b.png s/x.png b_x.png",
        "p/deep/a.png s/x.png deep/a_x.png",
    ]


def test_files_are_not_mirrored_and_told_apart() -> None:
    assert shape(plan("p/a.png", "p/deep/a.png", styles=["s/x.png"])) == [
        "p/a.png s/x.png p-a.png_x.png",
        "p/deep/a.png s/x.png deep-a.png_x.png",
    ]


def test_every_name_is_settled_before_any_work(tmp_path: Path) -> None:
    names = ["c.png", "c.jpg", "C.PNG", "é.png", unicodedata.normalize("NFD", "é.png")]
    found = plan(*names, *(f"{'x' * 250}.{suffix}" for suffix in ("png", "jpg")))
    keys = {unicodedata.normalize("NFKC", str(job.output)).casefold() for job in found.jobs}
    assert len(keys) == len(found.jobs) == 14
    assert all(len(job.output.name.encode()) <= 255 for job in found.jobs)


def test_what_all_jobs_are_given() -> None:
    settings, compute = Settings(seed=3, size=64, strength=0.25), Compute(device="cpu")
    options = OutputOptions(quality=80)
    more = {"settings": settings, "compute": compute, "output_options": options}
    naming = Naming("{index}_{seed}_{size}_{strength}", ".jpg")
    first, second = plan("p", styles=["s/x.png"], naming=naming, mask=Path("m.png"), **more).jobs
    assert (first.settings, first.compute, first.output_options) == (settings, compute, options)
    assert first.mask == Path("m.png") and first.existing == "refuse"
    assert first.output == Path("out/0001_3_64_0.25.jpg")
    assert second.output == Path("out/0002_3_64_0.25.jpg")
    assert plan("p/a.png", naming=Naming("{index}{size}{strength}")).jobs[0].output == Path(
        "out/0001ownown.png"
    )


def test_pictures_of_earlier_batches_are_left_out() -> None:
    found = plan("p", recursive=True, folder=Path("p/deep"))
    assert {str(job.content) for job in found.jobs} == {"p/a.png", "p/b.png"}
    Path("q/deep").mkdir(parents=True)
    Path("q/deep/a.png").touch()
    with pytest.raises(InputError, match="in the output folder q/deep itself"):
        plan("q", recursive=True, folder=Path("q/deep"))


@pytest.mark.parametrize("contents", [("p",), ("p/*.png",), ("p/a.png", "p/b.png")])
def test_the_same_folder_in_and_out(contents: tuple[str, ...]) -> None:
    """A folder, its pattern and its files are alike; what a batch made is no content again."""
    for _ in range(2):
        found = plan(*contents, styles=["s/x.png"], folder=Path("p"))
        assert [job.output for job in found.jobs] == [Path("p/a_x.png"), Path("p/b_x.png")]
        for job in found.jobs:
            job.output.touch()
            Manifest(Path("p")).record(Outcome.of(job, "done"))
        contents = (*contents, "p/a_x.png")
    assert "an earlier batch wrote here are left out." in found.notes[-1]
    again = plan("p/a_x.png", styles=["s/x.png"], folder=Path("p"))  # nothing else: meant so
    assert [job.output for job in again.jobs] == [Path("p/a_x_x.png")] and not again.notes


def test_zip_in_natural_order() -> None:
    for i in (1, 2, 10):
        for name in (f"f/f{i:02}.png", f"g/f{i}.png", f"t/s{i}.png"):
            Path(name).parent.mkdir(exist_ok=True)
            Path(name).touch()
    shell = tuple(sorted(f"g/f{i}.png" for i in (1, 2, 10)))  # f1 f10 f2
    for contents in (("f",), ("g",), ("g/*",), shell):
        for styles in (["t"], ["t/*.png"]):
            found = plan(*contents, styles=styles, pairing="zip")
            pairs = [(job.content.stem, job.styles[0].stem) for job in found.jobs]
            numbers = [(int(content[1:]), int(style[1:])) for content, style in pairs]
            assert numbers == [(1, 1), (2, 2), (10, 10)]
    named = [f"t/s{i}.png" for i in (2, 1, 10)]  # one by one: the order that was given
    found = plan(*shell, styles=named, pairing="zip")
    assert [job.styles[0].stem for job in found.jobs] == ["s2", "s1", "s10"]
    assert [job.content.stem for job in found.jobs] == ["f1", "f10", "f2"]


def test_lines_with_options_of_their_own() -> None:
    line = {"content": "p/a.png", "style": "s/x.png", "mask": "m.png", "style_mask": "n.png"}
    options = {"jpeg_quality": 50, "bits": 16, "keep_alpha": False}
    first, second = plan(
        lines=[json.dumps(line), json.dumps({"content": "p/b.png", "style": "s/x.png", **options})],
        mask=Path("all.png"),
        output_options=OutputOptions(quality=80),
    ).jobs
    assert (first.mask, first.style_masks) == (Path("m.png"), (Path("n.png"),))
    assert first.output_options == OutputOptions(quality=80)
    assert (second.mask, second.style_masks) == (Path("all.png"), ())
    assert second.output_options == OutputOptions(quality=50, bits=16, keep_alpha=False)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"jpeg_quality": 0}, "quality must be"),
        ({"bits": 9}, "bits must be"),
        ({"keep_alpha": "no"}, "keep_alpha must be true or false"),
        ({"mask": 3}, "must be paths"),
        ({"style_mask": "a", "style_masks": ["b"]}, "both style_mask and style_masks"),
        ({"style_mask": "a"}, "needs --mask"),
    ],
)
def test_options_of_a_line_that_make_no_sense(options: dict[str, Any], words: str) -> None:
    line = json.dumps({"content": "p/a.png", "style": "s/x.png", **options})
    (failure,) = plan(lines=[line]).failures
    assert words in str(failure.error)


def test_an_address_is_no_folder() -> None:
    with pytest.raises(OutputError, match="this is an address"):
        plan("p", folder=Path("s3://bucket/out"))


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"contents": ()}, "nothing to do"),
        ({"contents": ["p"], "styles": ()}, "add --style"),
        ({"contents": ["s/none*"]}, "no file matches"),
        ({"contents": ["p"], "styles": ["none*"]}, "no file matches"),
        ({"contents": ["p"], "naming": Naming("{style}")}, "two pictures would be written"),
    ],
)
def test_nothing_that_makes_sense(given: Any, words: str) -> None:
    with pytest.raises(StylecliError, match=words):
        plan_batch(BatchRequest(**{"folder": Path("out"), "styles": ["s"], **given}))


def test_lines() -> None:
    lines = [
        "p/a.png",
        "",
        "p/b.png,s/y.png",
        "p/b.png,s/y.png,new/c.jpg",
        '{"content": "p/a.png", "styles": ["s/y.png", "s/x.png"], "strength": 0.2, "seed": 5}',
    ]
    found = plan(lines=lines, settings=Settings(alpha=2.0, beta=3.0, size=32))
    assert found.failures == ()
    assert shape(found) == [
        "p/a.png s/x.png a_x.png",
        "p/a.png s/y.png a_y.png",
        "p/b.png s/y.png b_y.png",
        "p/b.png s/y.png new/c.jpg",
        "p/a.png s/y.png+s/x.png a_y+x.png",
    ]
    plain, own = found.jobs[0].settings, found.jobs[-1].settings
    assert (plain.alpha, plain.beta, plain.strength, plain.size) == (2.0, 3.0, None, 32)
    assert (own.alpha, own.beta, own.strength, own.seed, own.size) == (None, None, 0.2, 5, 32)


def test_a_line_that_weighs_by_alpha() -> None:
    lines = ['{"content": "p/a.png", "style": "s/x.png", "alpha": 2}']
    settings = plan(lines=lines, settings=Settings(strength=0.9)).jobs[0].settings
    assert (settings.strength, settings.alpha) == (None, 2)


def test_a_list_may_be_blended() -> None:
    assert shape(plan(lines=["p/a.png"], pairing="blend")) == ["p/a.png s/x.png+s/y.png a_x+y.png"]


def test_names_and_lines_together() -> None:
    found = plan("p/a.png", styles=["s/x.png"], lines=["p/b.png", "p/b.png,s/x.png,A_X.png"])
    assert shape(found) == [
        "p/a.png s/x.png a.png_x.png",  # A_X.png is taken
        "p/b.png s/x.png b_x.png",
        "p/b.png s/x.png A_X.png",
    ]


@pytest.mark.parametrize(
    ("line", "code", "words"),
    [
        ("a,b,c,d", 4, "line 2 is no job: it is neither a path"),
        ('{"content": "p/a.png"', 4, "line 2 is no job: "),
        ('{"content": "p/a.png", "sise": 3}', 2, "line 2: unknown setting 'sise'.*'size'"),
        ('{"content": "p/a.png", "size": "big"}', 2, "line 2: size"),
        ('{"content": "p/a.png", "size": true}', 2, "line 2: size"),
        ('{"content": "p/a.png", "color": ["style"]}', 2, "line 2: color"),
        ('{"content": "p/a.png", "style_weights": [null]}', 2, "line 2: style_weights"),
        ('{"content": "p/a.png", "content_layers": [1]}', 2, "line 2: content_layers"),
        ('{"content": "p/a.png", "tv": NaN}', 2, "line 2: tv"),
        ('{"content": "p/a.png", "strength": 0.2, "alpha": 1}', 2, "line 2: strength"),
        ('{"content": "p/a.png", "output": "o.png"}', 2, "line 2: one output for several"),
        ('{"content": "p/a.png", "style": "s/y.png", "style_weights": [1, 2]}', 2, "2 number"),
        (r"p/a.png,s/x.png,..\o.png", 2, r"the output ..\\o.png leads out"),
        ("p/a.png,s/x.png,D:o.png", 2, "the output D:o.png leads out"),
        ("p/a.png,s/x.png,../o.png", 2, "the output ../o.png leads out"),
        ("p/a.png,s/x.png,/o.png", 2, "the output /o.png leads out"),
        ("p/a.png,s/x.png,o.gif", 5, "'.gif' is no format"),
        ("p/a.png,s/x.png,.", 5, "without a suffix"),
    ],
)
def test_a_bad_line_is_a_failure_and_the_others_are_jobs(line: str, code: int, words: str) -> None:
    found = plan(lines=["p/a.png,s/x.png", line, "p/b.png,s/x.png"])
    assert [job.content.name for job in found.jobs] == ["a.png", "b.png"]
    (failure,) = found.failures
    assert (failure.status, failure.code) == ("failed", code)
    assert failure.error is not None and re.search(words, failure.error)


def test_lines_that_name_one_output() -> None:
    lines = ["p/a.png,s/x.png,o.png", "p/b.png,s/x.png,O.png", "p/b.png,s/y.png,./p.png"]
    found = plan(lines=lines)
    assert [job.output.name for job in found.jobs] == ["p.png"]
    assert [failure.code for failure in found.failures] == [2, 2]
    assert all("several pictures would be" in str(each.error) for each in found.failures)


def test_lines_that_need_a_style() -> None:
    found = plan(lines=["p/a.png", "p/b.png,s/x.png"], styles=())
    assert "line 1: say whose style" in str(found.failures[0].error) and len(found.jobs) == 1
    found = plan(lines=["p/a.png"], pairing="zip")
    assert "line 1: with --pair zip" in str(found.failures[0].error) and found.jobs == ()


class TestFilesOfAList:
    """A list from anywhere names files in its own folder, and no others."""

    @pytest.fixture(autouse=True)
    def folders(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.chdir(tmp_path)
        for name in ("list/a.png", "list/deep/s.png", "secret/passport.png"):
            Path(name).parent.mkdir(parents=True, exist_ok=True)
            Path(name).touch()
        Path("list/link.png").symlink_to(tmp_path / "secret" / "passport.png")
        Path("list/out").symlink_to(tmp_path / "secret")

    def plan(self, line: str, root: str = "list") -> BatchPlan:
        return plan_batch(
            BatchRequest(folder=Path("o"), lines=[line], styles=["s.png"], root=Path(root))
        )

    @pytest.mark.parametrize(
        "name",
        [
            "../secret/passport.png",
            "link.png",
            "out/passport.png",
            "deep/../../secret/passport.png",
        ],
    )
    @pytest.mark.parametrize(
        "line",
        [
            '{{"content": "{0}"}}',
            '{{"content": "a.png", "style": "{0}"}}',
            '{{"content": "a.png", "styles": ["a.png", "{0}"]}}',
            '{{"content": "a.png", "init": "{0}", "strength": 0}}',
            '{{"content": "a.png", "encoder": "{0}/x.pth"}}',
            "{0}",
            "a.png,{0}",
        ],
    )
    def test_others_are_refused(self, line: str, name: str) -> None:
        plan = self.plan(line.format(name))
        assert plan.jobs == ()
        assert plan.failures[0].code == 4
        assert "--root FOLDER gives it another" in str(plan.failures[0].error)

    @pytest.mark.parametrize("name", ["-", "./-"])
    @pytest.mark.parametrize("line", ["{}", "a.png,{}", '{{"content": "a.png", "init": "{}"}}'])
    def test_standard_input_is_not_waited_for(self, line: str, name: str) -> None:
        (failure,) = self.plan(line.format(name)).failures
        assert "a list cannot name" in str(failure.error)

    def test_paths_are_relative_to_the_list(self, tmp_path: Path) -> None:
        (job,) = self.plan('{"content": "a.png", "style": "deep/s.png", "init": "a.png"}').jobs
        assert (job.content, job.styles) == (Path("list/a.png"), (Path("list/deep/s.png"),))
        assert job.init_path == Path("list/a.png")
        (job,) = self.plan(f"{tmp_path}/list/a.png").jobs
        assert job.content == tmp_path / "list" / "a.png"

    def test_a_root_by_hand(self, tmp_path: Path) -> None:
        (job,) = self.plan("secret/passport.png", root=".").jobs
        assert job.content == Path("secret/passport.png")
        (job,) = self.plan(f"{tmp_path}/secret/passport.png", root="/").jobs
        assert job.content == tmp_path / "secret" / "passport.png"

    def test_it_names_no_encoder_to_download(self) -> None:
        (job,) = self.plan('{"content": "a.png", "encoder": "torchvision-vgg19"}').jobs
        assert job.downloadable == frozenset()

    def test_its_length_is_bounded(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("stylecli.batch.planning.MAX_LINES", 3)
        lines = iter(["a.png"] * 5)
        request = BatchRequest(folder=Path("o"), lines=lines, styles=["s.png"], root=Path("list"))
        with pytest.raises(InputError, match="more than 3 lines: split it"):
            plan_batch(request)
        assert list(lines) == ["a.png"]
