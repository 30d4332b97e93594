"""Compare the pages of a change of all images with rendering these images once."""

import shutil
from pathlib import Path

import affected as commands

ROUNDS = 3
LIMITS = {
    ("default catalogue", "--since HEAD"): (4.5, 5.0),
    ("default catalogue", "first publication"): (6.0, 8.0),
    ("Kolla", "--since HEAD"): (3.0, 5.0),
    ("Kolla", "first publication"): (4.0, 5.0),
}
"""How many renderings a report may take, and its size in MB."""


def measure(name: str, folder: Path) -> None:
    render = min(written(folder, "render", "-o") for _ in range(ROUNDS))
    for kind, words in (("--since HEAD", ("--since", "HEAD")), ("first publication", ())):
        seconds = min(written(folder, "report", *words, "-o") for _ in range(ROUNDS))
        size = sum(path.stat().st_size for path in (folder / "out").iterdir()) / 1e6
        most, most_size = LIMITS[name, kind]
        print(
            f"review: {name}, pages of {kind} {seconds:.2f} s, render {render:.2f} s:"
            f" {seconds / render:.2f}x (at most {most}x), {size:.1f} MB (at most {most_size} MB)"
        )


def written(folder: Path, *words: str) -> float:
    """Return the seconds of a command that writes all of its files."""
    shutil.rmtree(folder / "out", ignore_errors=True)
    return commands.seconds(folder, *words, str(folder / "out"))


def main() -> None:
    for name, folder in commands.catalogues():
        commands.seconds(folder, "render", "-o", str(folder / "first"))  # fills the caches
        measure(name, folder)


if __name__ == "__main__":
    main()
