"""The messages on the page about them are those of the code."""

import ast
import re
from pathlib import Path

HERE = Path(__file__).parents[2]
PAGE = HERE / "doc/howto/troubleshooting.rst"


def test_each_message_on_the_page_is_one_of_the_code():
    texts = {
        node.value
        for path in HERE.glob("distgen/**/*.py")
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Constant) and isinstance(node.value, str)
    }
    messages = re.findall(r"^``(.*)``$", PAGE.read_text(), re.MULTILINE)
    assert len(messages) > 35
    parts = [
        (message, part.strip())
        for line in messages
        for message in line.split("``, ``")
        for part in message.split("…")
        if len(part.strip()) > 3
    ]
    assert [found for found in parts if not any(found[1] in text for text in texts)] == []


def test_each_message_says_what_to_do():
    """Every entry has a sentence below it that begins with a capital or a code."""
    entries = re.findall(r"^``.*``\n(.*)$", PAGE.read_text(), re.MULTILINE)
    assert [line for line in entries if not re.match(r"   [A-Z`*]", line)] == []
