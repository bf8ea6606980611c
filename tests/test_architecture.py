"""The house rules that a linter does not know."""

import ast
import graphlib
import re
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

PACKAGE = Path(__file__).resolve().parents[1] / "stylecli"
# From the bottom to the top: a room imports from those before it, and no two of one row from
# each other.
ROOMS = (
    ("_version", "bounded_cache", "errors", "messages", "system", "tensor_file"),
    ("file_names", "quoting"),
    ("atomic",),
    ("output_guard",),
    ("settings",),
    ("images",),
    ("encoder",),
    ("transfer",),
    ("recognition",),
    ("job",),
    ("provenance",),
    ("pipeline",),
    ("batch", "monitor"),
    ("sweep", "video"),
    ("cli",),
)
FLOORS = {room: floor for floor, rooms in enumerate(ROOMS) for room in rooms}
# The same within the core: the rest of it, which puts a run together, stands on all of these.
CORE_ROOMS = (
    ("resample", "temporal_target"),
    ("request",),
    ("compute",),
    ("optim",),
    ("objective",),
)
CORE_FLOORS = {room: floor for floor, rooms in enumerate(CORE_ROOMS) for room in rooms}
# To be told apart; nothing may be added.
ALIKE = {"stylize"}
ENTRANCES = {"__init__", "__main__"}  # the doors of the house, which lead to every room
ONLY_IN_CLI = {"typer", "click", "rich", "tqdm"}
MAX_LINES = 280
BRITISH = re.compile(r"(?i)colour|\bgrey|neighbour|\bcentre|behaviour|(?:optim|normal|styl)is[aei]")
# Names that say nothing of what they hold, in a function long enough for that to matter.
EMPTY_NAMES = {"found", "own", "each", "given", "more"}
SHORT = 5  # lines

MODULES = sorted(PACKAGE.rglob("*.py"))


@pytest.fixture(params=MODULES, ids=lambda path: path.relative_to(PACKAGE).as_posix())
def module(request: pytest.FixtureRequest) -> Path:
    path: Path = request.param
    return path


def test_every_module_lives_in_a_room() -> None:
    rooms = {room_of(path) for path in MODULES}
    assert rooms - FLOORS.keys() - ENTRANCES == set()
    assert {"cli", "transfer", "encoder", "images", "settings", "errors"} <= rooms


def test_a_room_imports_only_from_rooms_below(module: Path) -> None:
    room = room_of(module)
    if room in ENTRANCES:
        return
    for line, name in imports_of(parse(module), module.relative_to(PACKAGE.parent)):
        target = room_named(name)
        if target is not None and target != room:
            allowed = FLOORS.get(target, len(ROOMS)) < FLOORS[room]
            assert allowed, f"{module.name}:{line} imports {name}"


def test_the_core_imports_only_from_below(module: Path) -> None:
    if room_of(module) != "transfer" or module.stem == "__init__":
        return
    room = part_of_core(str(module.relative_to(PACKAGE).with_suffix("")).replace("/", "."))
    for line, name in imports_of(parse(module), module.relative_to(PACKAGE.parent)):
        if name.startswith("stylecli.transfer."):
            target = part_of_core(name.removeprefix("stylecli."))
            floors = [CORE_FLOORS.get(each, len(CORE_ROOMS)) for each in (target, room)]
            allowed = target == room or floors[0] < floors[1] or floors[1] == len(CORE_ROOMS)
            assert allowed, f"{module.name}:{line} imports {name}"


def test_no_circle_of_imports() -> None:
    names = {".".join(path.relative_to(PACKAGE.parent).with_suffix("").parts) for path in MODULES}
    graph: dict[str, set[str]] = {}
    for path in MODULES:
        module = path.relative_to(PACKAGE.parent)
        if path.stem == "__init__":
            continue
        found = {name for _, name in imports_of(parse(path), module)}
        found |= {name.rpartition(".")[0] for name in found}
        graph[".".join(module.with_suffix("").parts)] = found & names
    graphlib.TopologicalSorter(graph).prepare()  # raises CycleError


def test_no_two_modules_of_one_name() -> None:
    for folder in (PACKAGE, Path(__file__).parent):
        count = Counter(path.stem for path in folder.rglob("*.py"))
        twice = {name for name, places in count.items() if places > 1}
        assert twice <= {"__init__", "conftest"}


def test_no_two_public_names_alike() -> None:
    count = Counter(
        node.name
        for path in MODULES
        for node in parse(path).body
        if isinstance(node, ast.FunctionDef | ast.ClassDef) and not node.name.startswith("_")
    )
    assert {name for name, places in count.items() if places > 1} == ALIKE


def test_locals_say_what_they_hold() -> None:
    named = {
        f"{path.relative_to(PACKAGE).as_posix()}:{line} {name}"
        for path in MODULES
        for line, name in empty_names_in(parse(path))
    }
    assert named == set()


def test_empty_names_are_seen() -> None:
    body = "    a = 1\n" * 4
    source = (
        f"def short():\n{body}    found = 1\n"
        f"def long(given, *more):\n{body}    x = [own for own in y]\n    each: int = found\n"
        f"class C:\n    found = 1\n    def method(self):\n        self.found = 1\n"
    )
    assert [name for _, name in empty_names_in(ast.parse(source))] == [
        "given",
        "more",
        "own",
        "each",
    ]


def test_only_the_command_line_draws_prints_and_exits(module: Path) -> None:
    if room_of(module) in ("cli", "__main__"):
        return
    tree = parse(module)
    for line, name in imports_of(tree, module.relative_to(PACKAGE.parent)):
        asked_for = module.name == "progress_bar.py" and name.startswith("tqdm")
        allowed = asked_for or name.split(".")[0] not in ONLY_IN_CLI
        assert allowed, f"{module.name}:{line} imports {name}"
    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            called = ast.unparse(node.func)
            assert called not in ("print", "sys.exit", "exit"), f"{module.name}:{node.lineno}"


def test_the_core_knows_nothing_of_files(module: Path) -> None:
    if room_of(module) != "transfer":
        return
    for line, name in imports_of(parse(module), module.relative_to(PACKAGE.parent)):
        forbidden = name.split(".")[0] in ("pathlib", "tempfile") or "stylecli.atomic" in name
        assert not forbidden, f"{module.name}:{line} imports {name}"


def test_no_module_is_named_like_what_it_exports(module: Path) -> None:
    exported = set(names_bound_in(parse(module)))
    if module.stem == "__init__":
        siblings = {path.stem for path in module.parent.iterdir() if path.stem != "__init__"}
        assert exported & siblings == set()
    else:
        assert module.stem not in exported


def test_modules_are_short_and_say_what_they_are(module: Path) -> None:
    assert len(module.read_text(encoding="utf-8").splitlines()) <= MAX_LINES
    assert module.stem not in ("utils", "util", "helpers", "misc", "common")


def test_spelling_is_american(module: Path) -> None:
    text = module.read_text(encoding="utf-8")
    assert BRITISH.findall(text) == []


@pytest.mark.parametrize(
    "name", ["stylecli", "stylecli.cli", "stylecli.settings", "stylecli.errors", "stylecli.atomic"]
)
def test_imports_without_torch(name: str) -> None:
    heavy = {"torch", "torchvision", "numpy", "psutil", "matplotlib"}
    code = f"import sys, {name}; print(sorted({heavy} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert (done.returncode, done.stdout.strip()) == (0, "[]"), done.stderr


def test_the_checks_see_every_way_to_import() -> None:
    source = (
        "import stylecli.batch.runner\n"
        "from stylecli import cli\n"
        "from ..transfer import tiles\n"
        "def f():\n    from stylecli.encoder import Encoder\n"
    )
    names = [name for _, name in imports_of(ast.parse(source), Path("stylecli/images/read.py"))]
    rooms = [room_named(name) for name in names]
    assert rooms == ["batch", "cli", "transfer", "encoder"]
    assert room_named("stylecli.stylize") == "__init__"
    assert room_named("torch.nn") is None


def parse(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"), filename=str(path))


def room_of(path: Path) -> str:
    """`encoder` for stylecli/encoder/vgg.py, `settings` for stylecli/settings.py."""
    return path.relative_to(PACKAGE).with_suffix("").parts[0]


def room_named(name: str) -> str | None:
    """The room an absolute dotted name leads into, `__init__` for names the package itself has."""
    house, *rest = name.split(".")
    if house != PACKAGE.name:
        return None
    return rest[0] if rest and rest[0] in FLOORS else "__init__"


def part_of_core(name: str) -> str:
    """`optim` for `transfer.optim.loop`, `stylization` for `transfer.stylization`."""
    return name.split(".")[1]


def imports_of(tree: ast.Module, module: Path) -> Iterator[tuple[int, str]]:
    """(line, absolute dotted name) of every import, those inside functions included."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from ((node.lineno, alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            above = module.parts[: -node.level] if node.level else ()
            base = ".".join((*above, *([node.module] if node.module else [])))
            yield from ((node.lineno, f"{base}.{alias.name}") for alias in node.names)


def empty_names_in(tree: ast.Module) -> Iterator[tuple[int, str]]:
    """(line, name) of the parameters and locals of functions that are not short."""
    places = set()
    for function in ast.walk(tree):
        if not isinstance(function, ast.FunctionDef | ast.AsyncFunctionDef):
            continue
        if (function.end_lineno or 0) - function.body[0].lineno + 1 <= SHORT:
            continue
        for node in ast.walk(function):
            if isinstance(node, ast.arg) and node.arg in EMPTY_NAMES:
                places.add((node.lineno, node.col_offset, node.arg))
            elif (
                isinstance(node, ast.Name)
                and isinstance(node.ctx, ast.Store)
                and node.id in EMPTY_NAMES
            ):
                places.add((node.lineno, node.col_offset, node.id))
    yield from ((line, name) for line, _, name in sorted(places))


def names_bound_in(tree: ast.Module) -> Iterator[str]:
    """What a module defines, imports or lists in `__all__` at its top level."""
    for node in tree.body:
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            yield node.name
        elif isinstance(node, ast.ImportFrom):
            yield from (alias.asname or alias.name for alias in node.names)
        elif isinstance(node, ast.Assign) and any(
            isinstance(target, ast.Name) and target.id == "__all__" for target in node.targets
        ):
            yield from (str(name) for name in ast.literal_eval(node.value))
