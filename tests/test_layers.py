"""The floors of the package, proved from its imports: a module imports only from floors below."""

import ast
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parent.parent / "distgen"
FLOORS = (
    {"", "errors", "model", "reference", "suggest"},
    {"yamltext", "schema", "overlay", "catalog", "lockfile"},
    {"graph", "render", "dockerfile", "policy", "plan", "review", "proposal", "markdown", "diff"}
    | {"locate", "lockplan", "prune", "verify", "adopt", "refs", "speculate", "tags", "zuulitems"},
    {"disk", "store", "linters", "registry", "downloads", "journal"}
    | {"sources", "tripleo", "exports", "forges", "reports"},
    {"pipeline", "drive"},
    {"cli", "__main__"},
)
EFFECTS = ("print", "input", "exit", "quit", "breakpoint")
FORBIDDEN_BELOW_CLI = {
    *("os.environ", "os.getenv", "os.chdir", "os.system", "sys.exit", "sys.argv", "sys.stdout"),
    *("sys.stderr", "time.time", "datetime.now", "datetime.utcnow"),
}


def modules():
    for path in sorted(PACKAGE.rglob("*.py")):
        yield (
            ".".join(path.relative_to(PACKAGE).with_suffix("").parts)
            .removesuffix("__init__")
            .rstrip("."),
            ast.parse(path.read_text(encoding="utf-8")),
        )


def room(module):
    return module.split(".")[0]


def floor(module):
    for number, rooms in enumerate(FLOORS):
        if room(module) in rooms:
            return number
    raise AssertionError(f"distgen/{module} stands on no floor: add it to FLOORS")


def imported(tree):
    """Yield the modules of the package that a module imports, submodules by their own name."""
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] == "distgen":
            inner = node.module.removeprefix("distgen").lstrip(".")
            for alias in node.names:
                whole = f"{inner}.{alias.name}".lstrip(".")
                yield whole if is_module(whole) else inner
        elif isinstance(node, ast.Import):
            for alias in node.names:
                if alias.name.split(".")[0] == "distgen":
                    yield alias.name.removeprefix("distgen").lstrip(".")


def is_module(name):
    path = PACKAGE.joinpath(*name.split("."))
    return path.with_suffix(".py").is_file() or path.is_dir()


def test_every_module_imports_only_from_floors_below():
    wrong = [
        f"{name or 'distgen'} imports {target}"
        for name, tree in modules()
        for target in imported(tree)
        if floor(target) > floor(name)
    ]
    assert wrong == []


@pytest.mark.parametrize("place", [str, room], ids=["modules", "rooms"])
def test_nothing_imports_in_a_circle(place):
    graph: dict[str, set[str]] = {}
    for name, tree in modules():
        targets = {place(target) for target in imported(tree)}
        graph.setdefault(place(name), set()).update(targets - {place(name)})
    done: set[str] = set()

    def visit(name, path):
        assert name not in path, " -> ".join((*path, name))
        if name not in done:
            for target in sorted(graph.get(name, ())):
                visit(target, (*path, name))
            done.add(name)

    for name in graph:
        visit(name, ())


def test_only_cli_prints_exits_or_reads_environment_and_clock():
    wrong = []
    for name, tree in modules():
        if room(name) in FLOORS[-1]:
            continue
        for node in ast.walk(tree):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
                if node.func.id in EFFECTS:
                    wrong.append(f"{name}:{node.lineno} {node.func.id}()")
            elif isinstance(node, ast.Attribute) and ast.unparse(node) in FORBIDDEN_BELOW_CLI:
                wrong.append(f"{name}:{node.lineno} {ast.unparse(node)}")
    assert wrong == []


def test_pure_floors_touch_nothing():
    effects = {"os", "subprocess", "socket", "git", "requests", "shutil", "tempfile", "time",
               "random", "datetime", "urllib.request", "pathlib"}  # fmt: skip
    wrong = []
    for name, tree in modules():
        if floor(name) not in (0, 2):
            continue
        for node in ast.walk(tree):
            names = []
            if isinstance(node, ast.Import):
                names = [alias.name for alias in node.names]
            elif isinstance(node, ast.ImportFrom):
                names = [node.module or ""]
            wrong += [f"{name}:{node.lineno} imports {n}" for n in names if n in effects]
    assert wrong == []


def test_nothing_catches_everything():
    wrong = []
    for name, tree in modules():
        for node in ast.walk(tree):
            if isinstance(node, ast.ExceptHandler):
                caught = ast.unparse(node.type) if node.type else ""
                if caught in ("", "Exception", "BaseException"):
                    wrong.append(f"{name}:{node.lineno}")
    assert wrong == []
