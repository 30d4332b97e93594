"""The rooms of the package, proved from its imports: their order, and what touches the world."""

import ast
from collections import Counter
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parent.parent / "distgen"
# Lower first; a room imports only from itself and from those before it.
ORDER = (
    *("errors", "text", "dockerfile", "model", "pool", "executors", "backoff", "http", "git"),
    *("schema", "cache", "exports"),
    "render",  # adds to the tree what an export puts into each repository
    *("tripleo", "output", "registry", "publish", "forges", "catalogue", "formatting"),
    *("importing", "lock"),
    *(
        "lint",
        "verify",
        "adopt",
        "compare",
        "propose",
        "build",
        "doctor",
        "metrics",
        "tracing",
        "report",
        "cli",
        "__main__",
    ),
)
COMING: set[str] = set()
"""Rooms that have their place already; each leaves this set with its first module."""

# Neither these nor anything they import, however far, touches disk, process, network or clock.
PURE = {
    "": ("errors",),
    "build": ("identity", "records", "report"),
    "build.engines": ("buildah", "docker", "engine", "podman"),
    "adopt": ("draft", "edits", "mbox", "overlay_files", "patches", "records"),
    "cache": ("records",),
    "catalogue": (
        "stored_classes",
        *(
            "build",
            "consistency",
            "cycles",
            "export_settings",
            "extension",
            "graph",
            "mirrors",
            "overlay",
            "parents",
        ),
        *("deployment_checks", "deployments", "repository_urls"),
        *(
            "patches",
            "placeholders",
            "records",
            "source_overrides",
            "speculation",
            "template_files",
            "values",
        ),
        "verbatim",
        "zuul_changes",
        *("printed_names", "value_origins", "zuul_items"),
    ),
    "catalogue.sources": ("dockerfile_needs",),
    "catalogue.sources.kolla": ("archives", "environ"),
    "catalogue.sources.tcib": ("jinja", "variables"),
    "cli.completion": ("answers", "scripts"),
    "compare": (
        *("affected", "comparison", "describe", "diff", "documents", "edits", "facts", "grouping"),
        *("planned", "reasons", "records", "relevance", "report", "revision_diff", "sentences"),
        *("edit_text", "image_change", "joining", "moves", "order"),
        *("html_report", "markdown_report", "siblings", "sources", "text_report", "words"),
    ),
    "dockerfile": ("filename", "instruction", "library", "packages", "parse", "references"),
    "doctor": ("records", "report"),
    "exports": (
        *("bake", "bashbrew", "ci_options", "compose", "formats", "github_actions"),
        *("gitlab_ci", "healthchecks", "job_groups", "kolla", "matrix", "records"),
        *("structure_tests", "tekton", "unique_names"),
        *("repository_formats", "repository_records", "yaml_lines"),
    ),
    "exports.cccp": ("base", "format", "index", "names"),
    "exports.osbs": ("format", "labels"),
    "exports.zuul": ("format", "inputs", "jobs", "options", "playbooks", "role", "tasks", "yaml"),
    "forges": ("branch", "file_stats", "markdown", "message"),
    "formatting": (
        *("indent", "key_order", "lines", "order", "records", "report", "spacing", "text", "tree"),
    ),
    "git": ("commits", "fast_import", "objects", "refs"),
    "git.http": ("pkt_line", "protocol", "settings"),
    "importing": (
        *(
            "choice",
            "contexts",
            "drafts",
            "factor",
            "overlays",
            "parents",
            "plan",
            "records",
            "references",
            "report",
        ),
    ),
    "lint": ("build_context", "check", "findings", "parent_uses", "policy", "ruleset"),
    "lint.reports": ("codequality", "github", "json", "junit", "sarif", "text", "zuul"),
    "lint.rules": (
        *(
            "characters",
            "context",
            "copied",
            "downstreams",
            "files",
            "limits",
            "namespace",
            "parents",
            "pins",
        ),
        *("rule", "secrets", "sources"),
    ),
    "lock": ("facts", "plan"),
    "metrics": ("exposition", "families", "records"),
    "model": (
        *(
            "archives",
            "catalogue",
            "deployment",
            "dist_git",
            "export_settings",
            "lock",
            "policy",
            "published",
            "reference",
            "releases",
            "rendered",
            "stored",
            "words",
        ),
    ),
    "publish": (
        *("commit", "dockerfile_statements", "download_statements", "edit_messages", "edits"),
        *(
            "foreign_files",
            "keyed_statements",
            "kinds",
            "pin_statements",
            "plan",
            "report",
            "restamp",
        ),
        *("retirement", "summary", "target"),
    ),
    "report": (
        "colors",
        "dockerfile_blocks",
        "graph",
        "links",
        "listing",
        "markup",
        "names",
        "pages",
        "records",
    ),
    "registry": ("errors", "oci", "retention", "tags"),
    "render": (
        *(
            "annotate",
            "answers",
            "archives",
            "compiled",
            "context",
            "dropped",
            "environment",
            "errors",
            "exported",
            "filters",
            "kept_trees",
            "linemap",
        ),
        *("manifest", "normalize", "patch", "paths", "renderer", "tree_renderer", "unidiff"),
        "values_as_text",
    ),
    "schema": (
        *("check", "formats", "messages", "rules", "scalar", "scalars", "sources", "subschemas"),
        *("typed_values", "yaml", "yaml_writer"),
    ),
    "text": (
        *(
            "characters",
            "cuts",
            "diff",
            "git_diff",
            "hunk_header",
            "hunks",
            "line_matcher",
            "suggest",
        ),
        *("visible", "word_diff"),
    ),
    "tripleo": ("export", "heat", "lists", "template"),
    "verify": ("claims", "compare", "protocol", "report", "verdict"),
}
EFFECTS = {
    *("asyncio", "concurrent", "datetime", "fcntl", "filelock", "git", "github3", "glob", "http"),
    *("importlib", "io", "logging", "multiprocessing", "os", "pathlib", "platform", "random"),
    *("requests", "resource", "secrets", "select", "selectors", "shutil", "signal", "socket"),
    *("ssl", "subprocess", "sys", "tempfile", "threading", "time", "urllib", "urllib3", "uuid"),
}
HARMLESS = {
    *("pathlib.PurePosixPath", "signal.SIG_BLOCK", "signal.pthread_sigmask", "sys.getrefcount"),
    *("sys.intern", "threading.current_thread", "threading.main_thread", "urllib.parse"),
}
CALLS_OF_CLI = {"print", "input", "exit", "quit", "breakpoint"}
NAMES_OF_CLI = {
    *("os.environ", "os.environb", "os.getenv", "os.getenvb", "os.putenv", "os.chdir", "os.system"),
    *("sys.exit", "sys.argv", "sys.stdout", "sys.stderr", "sys.stdin", "click.echo"),
    *("time.time", "time.time_ns", "time.localtime", "time.gmtime", "time.ctime", "time.strftime"),
    *("datetime.now", "datetime.utcnow", "datetime.today", "date.today"),
    *("datetime.datetime.now", "datetime.datetime.utcnow", "datetime.datetime.today"),
    *("datetime.date.today", "Path.cwd", "pathlib.Path.cwd", "os.getcwd"),
}


@cache
def modules() -> dict[str, ast.Module]:
    """Return the syntax trees of all modules by name; `distgen` itself is ""."""
    return {
        ".".join(path.relative_to(PACKAGE).with_suffix("").parts)
        .removesuffix("__init__")
        .rstrip("."): ast.parse(path.read_text(encoding="utf-8"))
        for path in sorted(PACKAGE.rglob("*.py"))
    }


def room(module: str) -> str:
    return module.split(".", maxsplit=1)[0]


def imported(tree: ast.Module) -> Iterator[str]:
    """Yield all that a module imports, by full names such as `distgen.git.refs` or `os.environ`."""
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom):
            assert node.level == 0, "imports are absolute"
            yield from (f"{node.module}.{alias.name}" for alias in node.names)
        elif isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)


def imported_modules(tree: ast.Module) -> Iterator[str]:
    """Yield the modules of the package that a module imports."""
    for full_name in imported(tree):
        if room(full_name) == "distgen":
            name = full_name.removeprefix("distgen").lstrip(".")
            yield name if name in modules() else name.rpartition(".")[0]


def effects(tree: ast.Module) -> list[str]:
    """Return what a module imports that touches the world."""
    names = [name for name in imported(tree) if room(name) in EFFECTS and name not in HARMLESS]
    return [name for name in names if name.rpartition(".")[0] not in HARMLESS]


def test_rooms_import_only_from_rooms_before_them():
    rooms = {room(name) for name in modules()} - {""}
    assert sorted(rooms - set(ORDER)) == [], "give each new room its place in ORDER"
    assert rooms.isdisjoint(COMING) and set(ORDER) == rooms | COMING
    wrong = [
        f"{name} imports {target}"
        for name, tree in modules().items()
        for target in imported_modules(tree)
        if name and target and ORDER.index(room(target)) > ORDER.index(room(name))
    ]
    assert wrong == []


@pytest.mark.parametrize("place", [str, room], ids=["modules", "rooms"])
def test_nothing_imports_in_a_cycle(place):
    graph: dict[str, set[str]] = {}
    for name, tree in modules().items():
        targets = {place(target) for target in imported_modules(tree)}
        graph.setdefault(place(name), set()).update(targets - {place(name)})
    finished: set[str] = set()

    def visit(name, path):
        assert name not in path, " -> ".join((*path, name))
        if name not in finished:
            for target in sorted(graph.get(name, ())):
                visit(target, (*path, name))
            finished.add(name)

    for name in graph:
        visit(name, ())


def test_pure_modules_touch_nothing_however_far_their_imports_go():
    wrong = []
    for place, names in PURE.items():
        for name in names:
            start = f"{place}.{name}".lstrip(".")
            assert start in modules(), f"{start} is in PURE but not in the package"
            reached, ahead = {start: start}, [start]
            while ahead:
                module = ahead.pop()
                for target in imported_modules(modules()[module]):
                    if target not in reached:
                        reached[target] = f"{reached[module]} -> {target}"
                        ahead.append(target)
            wrong += [
                f"{way}: {effect}"
                for module, way in reached.items()
                for effect in effects(modules()[module])
            ]
    assert wrong == []


def outside_of_cli(tree: ast.Module) -> Iterator[str]:
    """Yield what a module does that only cli may do, however it was imported."""
    full_names: dict[str, str] = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom):
            for alias in node.names:
                full_names[alias.asname or alias.name] = f"{node.module}.{alias.name}"
        elif isinstance(node, ast.Import):
            for alias in node.names:
                full_names[alias.asname or alias.name] = alias.name
    yield from (name for name in full_names.values() if name in NAMES_OF_CLI)
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
            if node.func.id in CALLS_OF_CLI:
                yield f"{node.func.id}() in line {node.lineno}"
        elif isinstance(node, ast.Attribute):
            first, *others = ast.unparse(node).split(".")
            name = ".".join((full_names.get(first, first), *others))
            if name in NAMES_OF_CLI or name.removeprefix("datetime.") in NAMES_OF_CLI:
                yield f"{name} in line {node.lineno}"


def test_only_cli_prints_exits_or_reads_environment_and_clock():
    wrong = [
        f"{name}: {act}"
        for name, tree in modules().items()
        if room(name) not in ("cli", "__main__")
        for act in outside_of_cli(tree)
    ]
    assert wrong == []


@pytest.mark.parametrize(
    "code",
    [
        *("from os import environ", "import os\nos.environ['A']", "from os import getenv as get"),
        *("import os as system\nsystem.environ", "from sys import exit", "print(1)"),
        *(
            "import datetime\ndatetime.datetime.now()",
            "from datetime import datetime as d\nd.now()",
        ),
        *("from time import time", "from pathlib import Path\nPath.cwd()"),
    ],
)
def test_effects_of_cli_do_not_slip_through(code):
    assert list(outside_of_cli(ast.parse(code)))


def test_the_package_file_of_a_room_is_one_docstring():
    wrong = [
        str(path.relative_to(PACKAGE))
        for path in PACKAGE.rglob("*/__init__.py")
        if len(ast.parse(path.read_text(encoding="utf-8")).body) != 1
    ]
    assert wrong == []


CATCHES_EVERYTHING = {
    "pool": "the reader of run_parallel raises the error again, and would wait forever without it",
}


def test_nothing_catches_everything():
    """A class with __exit__ returning True once hid an `except BaseException` from this test."""
    broad = ("", "Exception", "BaseException")
    handlers = []
    for name, tree in modules().items():
        for node in ast.walk(tree):
            if isinstance(node, ast.ExceptHandler):
                caught = ast.unparse(node.type) if node.type else ""
                handlers += [name] if caught in broad else []
            if isinstance(node, ast.Call) and ast.unparse(node.func).endswith("suppress"):
                handlers += [name] if {ast.unparse(word) for word in node.args} & {*broad} else []
            if isinstance(node, ast.FunctionDef) and node.name == "__exit__":
                returns = ast.unparse(node.returns) if node.returns else ""
                handlers += [name] if returns != "None" else []
    assert handlers == [*CATCHES_EVERYTHING]


def test_tests_share_through_testing_alone():
    """Tests that import from another one change with it, and run only where it can be found."""
    tests = Path(__file__).parent
    borrowed = [
        f"{path.relative_to(tests)}: {module}"
        for path in sorted(tests.rglob("*.py"))
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        for module in names_of_import(node)
        if module.startswith("test_") or module == "conftest"
    ]
    assert borrowed == []


def names_of_import(node: ast.AST) -> Iterator[str]:
    if isinstance(node, ast.Import):
        yield from (alias.name for alias in node.names)
    elif isinstance(node, ast.ImportFrom):
        yield node.module or ""


def test_no_two_files_of_tests_have_one_name():
    """pytest imports them by their names alone: the second is refused when all of them run."""
    names = Counter(path.name for path in Path(__file__).parent.rglob("test_*.py"))
    assert [name for name, count in names.items() if count > 1] == []


def test_one_module_uses_gitpython_and_imports_it_late():
    """GitPython starts git when it is imported: `list` and `--help` started it twice."""
    users = []
    for name, tree in modules().items():
        typing_only = {
            id(node)
            for block in ast.walk(tree)
            if isinstance(block, ast.If) and ast.unparse(block.test) == "TYPE_CHECKING"
            for node in ast.walk(block)
        }
        for node in ast.walk(tree):
            module = node.module or "" if isinstance(node, ast.ImportFrom) else ""
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            if "git" in {text.partition(".")[0] for text in (module, *names)}:
                users += [] if id(node) in typing_only else [(name, node.col_offset > 0)]
    assert {*users} == {("git.repository", True)}
