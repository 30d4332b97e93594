"""Draw the figures of large.py: how time, memory and open files grow with the number of images.

The colours can be read on white and on black; the background is that of the page.
"""

import csv

import matplotlib

matplotlib.use("svg")
matplotlib.rcParams.update(
    {
        "svg.fonttype": "none",
        "svg.hashsalt": "distgen",
        "font.family": "sans-serif",
        "font.size": 10,
        "axes.spines.top": False,
        "axes.spines.right": False,
    }
)
from matplotlib import pyplot as plt  # noqa: E402
from matplotlib.ticker import FuncFormatter, NullFormatter, NullLocator  # noqa: E402

GREY = "#7a7a7a"
COLOURS = ("#2f86d6", "#d9622b", "#2a9d5c", "#a667d8", "#b58900", "#d6457f", "#1f9ea8", GREY)
MARKS = "osD^vPX*"
LEFT = ("publish, first", "publish, all changed", "lint, first", "verify", "diff")
LEFT += ("render -o, first",)
RIGHT = ("lint", "render -o", "publish, no change", "affected", "status", "graph", "list")
HIGHEST = ("publish, first", "lint, first", "diff", "affected", "list, first", "render -o, first")
LIMITS = {"megabytes": 500, "files": 64}


def draw(rows, folder):
    """Write pictures and a table of all figures into a folder."""
    folder.mkdir(parents=True, exist_ok=True)
    figure, (left, right) = plt.subplots(1, 2, figsize=(9.5, 4.2), layout="constrained")
    _plot(left, rows, LEFT, "processor")
    _plot(right, rows, RIGHT, "processor")
    left.set_title("When all is new or changed: seconds of processors", color=GREY, fontsize=10)
    right.set_title("When little or nothing changed", color=GREY, fontsize=10)
    _save(figure, folder / "scale-time.svg", "Processor time by the number of images")
    figure, axes = plt.subplots(1, 2, figsize=(9.5, 3.6), layout="constrained")
    titles = {
        "megabytes": "Memory of the largest process: MB",
        "files": "Open files beside sockets",
    }
    for axis, (name, title) in zip(axes, titles.items(), strict=True):
        axis.axhline(LIMITS[name], color=GREY, linestyle=":", linewidth=1)
        most = max((row[name] for row in rows if row["command"] in HIGHEST), default=0)
        axis.set_ylim(0, 1.1 * max(LIMITS[name], most))
        _plot(axis, rows, HIGHEST, name, is_log=False)
        axis.set_title(title, color=GREY, fontsize=10)
    _save(figure, folder / "scale-room.svg", "Memory and open files by the number of images")
    _write_table(rows, folder / "scale.csv")


def _plot(axis, rows, commands, name, *, is_log=True):
    """Draw a line for each command, with its name at its end, no two above each other."""
    ends = []
    for command, colour, mark in zip(commands, COLOURS, MARKS, strict=False):
        points = sorted((row["images"], row[name]) for row in rows if row["command"] == command)
        if points:
            numbers, values = zip(*points, strict=True)
            axis.plot(numbers, values, color=colour, marker=mark, markersize=4, linewidth=1.5)
            ends.append((values[-1], command, colour, numbers[-1]))
    numbers = sorted({row["images"] for row in rows})
    if is_log:
        axis.set_xscale("log")
        axis.set_yscale("log")
    else:  # small numbers have no room beside each other there
        numbers = [number for number in numbers if number >= numbers[-1] / 10]
    axis.set_xticks(numbers, [f"{number:,}" for number in numbers], rotation=30)
    axis.xaxis.set_minor_locator(NullLocator())
    axis.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,g}"))
    axis.yaxis.set_minor_formatter(NullFormatter())
    axis.tick_params(colors=GREY, which="both")
    axis.grid(color=GREY, alpha=0.25, linewidth=0.5)
    for spine in axis.spines.values():
        spine.set_color(GREY)
    _name_lines(axis, sorted(ends))


def _name_lines(axis, ends):
    axis.figure.canvas.draw()
    low = float("-inf")
    for value, command, colour, number in ends:
        height = axis.transData.transform((number, value))[1]
        low = max(height, low + 13 * axis.figure.dpi / 72)
        shift = (low - height) * 72 / axis.figure.dpi
        axis.annotate(
            command,
            (number, value),
            (7, shift),
            textcoords="offset points",
            va="center",
            color=colour,
            fontsize=9,
            annotation_clip=False,
        )


def _save(figure, path, title):
    figure.savefig(path, transparent=True, metadata={"Date": None, "Title": title})
    plt.close(figure)
    # Others' tools strip blanks at the ends of lines, and then the file would be another.
    lines = (line.rstrip() for line in path.read_text(encoding="utf-8").splitlines())
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")


def _write_table(rows, path):
    """Write a row for each command: what an image takes at each number, and the most of others."""
    numbers = sorted({row["images"] for row in rows})
    with path.open("w", newline="", encoding="utf-8") as file:
        table = csv.writer(file, lineterminator="\n")
        table.writerow(["command", *(f"{number:,}" for number in numbers), "MB", "files"])
        for command in dict.fromkeys(row["command"] for row in rows):
            runs = {row["images"]: row for row in rows if row["command"] == command}
            each = (
                f"{1000 * runs[number]['processor'] / number:.2f}" if number in runs else ""
                for number in numbers
            )
            most = (max(run[name] for run in runs.values()) for name in ("megabytes", "files"))
            table.writerow([command, *each, *most])
