"""Random overlays, written in many ways, keep their values and the places of their comments."""

import re

from hypothesis import given, note
from hypothesis import strategies as st
from ruamel.yaml import YAML

from distgen.formatting.text import format_text
from distgen.schema.packaged import load_schema
from distgen.schema.yaml import read_yaml

SCHEMA = load_schema("image")
PATH = "overlays/ns/app.yaml"
BARE = (
    "yes",
    "no",
    "1.10",
    "017",
    "0o17",
    "2001-01-01",
    "null",
    "~",
    "1_000",
    "12:30",
    "a b",
    "é",
    "",
)
QUOTED = (
    *(f"'{text}'" for text in BARE),
    '"a\\tb"',
    "'it''s'",
    "'# x'",
    '"a: b"',
    "'\"'",
    "'C:\\x'",
)
TEXTS = st.sampled_from((*BARE, *QUOTED))
NAMES = st.sampled_from(("a", "b", "packages+", "'on'", '"1.10"', "ö", "c d"))
TOP = ("description", "template", "extends", "from", "builders", "sources", "streams", "values")
INNER = {"sources": ("git", "ref"), "streams": ("values",)}


class Writer:
    """Writes a random value as lines; each comment says what stands below or beside it."""

    def __init__(self, draw):
        self.draw = draw
        self.count = 0

    def chance(self, of=3):
        return self.draw(st.integers(0, of)) == 0

    def label(self):
        self.count += 1
        return f"n{self.count}"

    def spaces(self):
        return " " * self.draw(st.sampled_from((1, 1, 1, 2, 5)))

    def above(self, column, label):
        blank = [""] * self.draw(st.sampled_from((0, 0, 0, 1, 3)))
        lines = [f"{' ' * column}# above {label}"] if self.chance() else []
        return blank + lines

    def mapping(self, names, column, depth):
        lines = []
        for name in names:
            label = self.label()
            lines += self.above(column, label)
            lines += self.entry(f"{' ' * column}{name}:", label, column, depth, name)
        return lines

    def entry(self, head, label, column, depth, name=""):
        kind = self.draw(st.sampled_from(("text", "flow", "block", "map", "list", "long")))
        if depth > 3:
            kind = "text"
        beside = f"  # beside {label}"
        if kind == "map":
            names = INNER.get(name) or self.draw(
                st.lists(NAMES, min_size=1, max_size=3, unique_by=bare)
            )
            below = column + self.draw(st.sampled_from((1, 2, 4)))
            return [head + beside, *self.mapping(names, below, depth + 1)]
        if kind == "list":
            least = 0 if head.endswith(":") else 1
            return [
                head + beside,
                *self.items(column + self.draw(st.sampled_from((least, 2, 3))), depth),
            ]
        if kind == "block":
            return [
                head
                + self.spaces()
                + self.draw(st.sampled_from("|>"))
                + self.draw(st.sampled_from(("", "-", "+")))
                + beside,
                *self.block(column),
            ]
        if kind == "flow":
            return [head + self.spaces() + self.flow(2) + beside]
        if kind == "long":
            pad = " " * (column + 1 + self.draw(st.integers(0, 4)))
            quote = self.draw(st.sampled_from(("", "'", '"')))
            return [f"{head}{self.spaces()}{quote}one", f"{pad}two{quote}{beside}"]
        return [head + self.spaces() + self.draw(TEXTS) + beside]

    def items(self, column, depth):
        lines = []
        for _ in range(self.draw(st.integers(1, 3))):
            label = self.label()
            lines += self.above(column, label)
            gap = self.spaces()
            if self.chance():
                below = column + 1 + len(gap)
                first, *rest = self.mapping(
                    self.draw(st.lists(NAMES, min_size=1, max_size=2, unique_by=bare)),
                    below,
                    depth + 2,
                )
                while not first.strip() or first.strip().startswith("#"):
                    first, *rest = rest
                lines += [f"{' ' * column}-{gap}{first.strip()}", *rest]
            else:
                lines += self.entry(f"{' ' * column}-", label, column, depth + 1)
        return lines

    def block(self, column):
        pad = " " * (column + self.draw(st.integers(1, 4)))
        texts = self.draw(
            st.lists(st.sampled_from(("one", "# no comment", "  more", "", "end ")), max_size=4)
        )
        return [f"{pad}first", *(pad + text if text else "" for text in texts)]

    def flow(self, depth):
        items = [
            self.draw(TEXTS.filter(bool)) if depth == 0 or self.chance(1) else self.flow(depth - 1)
            for _ in range(self.draw(st.integers(0, 3)))
        ]
        items = [item for item in items if item]
        comma = self.draw(st.sampled_from((",", ", ", " ,  ")))
        if self.chance(1):
            return "[" + comma.join(items) + "]"
        gap = self.draw(st.sampled_from((" ", "  ")))
        return (
            "{"
            + self.draw(st.sampled_from(("", " ")))
            + comma.join(f"k{n}:{gap}{item}" for n, item in enumerate(items))
            + "}"
        )


def bare(name):
    return name.strip("'\"")


@st.composite
def overlays(draw):
    names = draw(st.lists(st.sampled_from(TOP), min_size=1, unique=True))
    lines = Writer(draw).mapping(names, draw(st.sampled_from((0, 0, 2))), 0)
    ending = draw(st.sampled_from(("\n", "\n", "\r\n")))
    last = draw(st.sampled_from((ending, "", ending * 3, f"{ending}# The end.")))
    start = draw(st.sampled_from(("", "\ufeff", f"---{ending}", f"# The file.{ending * 2}")))
    return start + ending.join(lines) + last


def commented_lines(text):
    """Return what each comment of a writer stands above or beside, without spaces and quotes."""
    places = {}
    lines = [line.strip() for line in text.split("\n")]
    for number, line in enumerate(lines):
        if comment := re.search(r"# (above|beside) n\d+", line):
            below = next(
                (row for row in lines[number + 1 :] if row and not row.startswith("#")), ""
            )
            told = below if comment[1] == "above" else line
            told = re.sub(r"  # beside.*", "", told)
            told = re.sub(r"([|>])[-+]$", r"\1", told)  # without a newline at the end it gets one
            places[comment.group()] = re.sub(r"[\s'\"]", "", told)
    return places


def places_without_order(text):
    # Maps in braces may be ordered: their letters are compared.
    return {comment: sorted(line) for comment, line in commented_lines(text).items()}


def in_order(data):
    """Return data with maps as pairs, those of the schema in its order."""
    if isinstance(data, dict):
        return [(key, in_order(value)) for key, value in data.items()]
    return [in_order(item) for item in data] if isinstance(data, list) else data


@given(overlays())
def test_values_and_comments_stay(text):
    note(text)
    before = read_yaml(text.encode(), PATH).data
    result = format_text(text.encode(), PATH, SCHEMA)
    note(result.decode())
    after = read_yaml(result, PATH).data
    assert after == before
    known = list(SCHEMA["properties"])
    assert list(after) == sorted(before, key=known.index)
    assert in_order(after.get("values")) == in_order(before.get("values"))
    assert format_text(result, PATH, SCHEMA) == result
    unified = text.lstrip("\ufeff").replace("\r\n", "\n")
    assert places_without_order(result.decode()) == places_without_order(unified)
    assert not re.search(r"\r|\ufeff|\A\n|[^\n]\Z|\n\n\Z", result.decode()) or "+" in text


@given(overlays())
def test_another_reader_finds_the_same_values(text):
    reader = YAML(typ="safe", pure=True)
    assert reader.load(format_text(text.encode(), PATH, SCHEMA)) == reader.load(text.encode())
