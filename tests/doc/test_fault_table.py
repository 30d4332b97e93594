"""The table of faults names tests that exist."""

import ast
import re
from pathlib import Path

HERE = Path(__file__).parents[1]
PAGE = HERE.parent / "doc/explanation/faults.rst"


def rows():
    """Return the rows of the table, each as its cells."""
    table = PAGE.read_text().partition(".. list-table::")[2].partition("\nSecrets\n")[0]
    for row in re.split(r"^   \* - ", table, flags=re.MULTILINE)[2:]:
        cells = re.split(r"^     - ", row, flags=re.MULTILINE)
        yield [" ".join(cell.split()) for cell in cells]


def test_each_row_is_reproduced_by_tests_that_exist():
    known = [
        f"{path.stem} {node.name}"
        for path in HERE.rglob("test_*.py")
        for node in ast.parse(path.read_text(encoding="utf-8")).body
        if isinstance(node, ast.FunctionDef) and node.name.startswith("test_")
    ]
    table = list(rows())
    assert len(table) > 25
    for fault, _, lost, words in table:
        assert lost in ("nothing", "no secret"), fault
        for word in words.strip("`").split(" or "):
            assert any(word in name for name in known), f"{fault}: no test is called {word}"
