"""The page of environment variables has each that the code reads, and no other."""

import ast
import re
from pathlib import Path

HERE = Path(__file__).parents[2]
HOLDERS = re.compile(r"(^|\.)(environ|environment|variables)$")
ELSEWHERE = ("dockerfile", "tripleo", "catalogue/zuul_items.py", "catalogue/sources/tcib")
"""Where the same words mean the variables of a Dockerfile, of Heat, of a job or of a role."""
UNNAMED = {
    "cli/main.py name": "takes all that begin with GIT_ away for a moment",
    "cli/tokens.py where.token_env": "the catalogue names it",
    "cli/doctor_checks.py where.token_env": "the catalogue names it",
    "build/identity.py argument": "the command line names it",
    "catalogue/sources/kolla/environ.py name": "a template names it, and the catalogue allows it",
    "git/http/settings.py name": "the proxies, which PROXIES names",
    "cli/traces.py name": "what may hold a token and is never shown; the page names all of OTEL_*",
}
PROXIES = {"http_proxy", "https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY"}


def test_the_page_has_each_variable_that_is_read_and_no_other():
    page = (HERE / "doc/reference/environment.rst").read_text()
    table = page.partition(".. list-table::")[2].partition("What the catalogue names")[0]
    cells = re.findall(r"^   \* - (``.*)$", table, re.MULTILINE)
    listed = {name for cell in cells for name in re.findall(r"``(\w+)``", cell)}
    read = {*names_that_are_read()}
    assert {name for name in read if " " in name} == {*UNNAMED}
    assert {name for name in read if " " not in name} | PROXIES == listed


def names_that_are_read():
    """Yield each variable; one whose name is not in the code as its place and expression."""
    trees = {path: ast.parse(path.read_text()) for path in HERE.glob("distgen/**/*.py")}
    constants = {
        node.targets[0].id: node.value.value
        for tree in trees.values()
        for node in tree.body
        if isinstance(node, ast.Assign)
        and isinstance(node.targets[0], ast.Name)
        and isinstance(node.value, ast.Constant)
    }
    for path, tree in trees.items():
        place = path.relative_to(HERE / "distgen").as_posix()
        if place.startswith(ELSEWHERE):
            continue
        for key in (key for node in ast.walk(tree) for key in keys_of_environment(node)):
            name = key.value if isinstance(key, ast.Constant) else constants.get(ast.unparse(key))
            yield name or f"{place} {ast.unparse(key)}"


def keys_of_environment(node):
    match node:
        case ast.Call(func=ast.Attribute(value=holder, attr="get" | "pop"), args=[key, *_]):
            pass
        case ast.Subscript(value=holder, slice=key, ctx=ast.Load()):
            pass
        case ast.Compare(left=key, ops=[ast.In() | ast.NotIn()], comparators=[holder]):
            pass
        case _:
            return
    if HOLDERS.search(ast.unparse(holder).replace("_environ", "environ")):
        yield key
