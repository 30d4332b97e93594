"""Draw the pictures of the README again: `python doc/pictures.py [overview|terminal|report]...`.

`overview` is drawn by Graphviz from the text below, `terminal` is a run of the commands below, and
`report` a page of `distgen report` in Chromium. A test says when the first two are stale.
"""

from __future__ import annotations

import os
import re
import shlex
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from io import StringIO
from pathlib import Path

from rich.console import Console
from rich.text import Text

DOC = Path(__file__).parent
ROOT = DOC.parent
PICTURES = DOC / "_static"
CATALOGUE = ("templates", "overlays", "distgen.yaml", "distgen.lock")
sys.path.insert(0, str(DOC))

OVERVIEW = """\
digraph distgen {
  rankdir=LR; ranksep=0.55; nodesep=0.16
  node [class=data, width=2.1]
  templates [label="templates/\\nwhat a kind of image is"]
  overlays [label="overlays/\\nwhat each image changes"]
  lock [label="distgen.lock\\ndigests, commits, sums"]
  node [class=step, width=1.5]
  distgen [label="distgen\\n\\nrender\\ncheck\\ncompare\\npush"]
  node [class=result, width=2.2]
  first [label="opendev/gitea.git\\nDockerfile, scripts, README"]
  second [label="zuul/zuul-executor.git\\na branch for each stream"]
  third [label="monasca/api.git\\nand one for every other image"]
  node [class=data, width=1.5]
  builder [label="any builder\\nbuildah, docker,\\nOSBS, bake, Zuul"]
  packager [label="packager\\nclones and edits"]
  {templates overlays lock} -> distgen
  distgen -> {first second third}
  {first second} -> builder
  third -> packager [dir=both]
  third -> overlays [label="adopt: an edit becomes a patch", style=dashed, constraint=false]
}
"""
STYLE = """\
<style>
  .paper { fill: #ffffff; stroke: #d0d7de }
  text { fill: #1f2328; font-family: Helvetica, Arial, "Liberation Sans", sans-serif }
  .graph > polygon { fill: none }
  .node path, .node polygon { fill: #f6f8fa; stroke: #8c959f }
  .step path { fill: #ddf4ff; stroke: #0969da }
  .result path { fill: #dafbe1; stroke: #1a7f37 }
  .edge path { fill: none; stroke: #6e7781 }
  .edge polygon { fill: #6e7781; stroke: #6e7781 }
  @media (prefers-color-scheme: dark) {
    .paper { fill: #0d1117; stroke: #30363d }
    text { fill: #e6edf3 }
    .node path, .node polygon { fill: #161b22; stroke: #8b949e }
    .step path { fill: #0c2d6b; stroke: #58a6ff }
    .result path { fill: #033a16; stroke: #3fb950 }
    .edge path { stroke: #8b949e }
    .edge polygon { fill: #8b949e; stroke: #8b949e }
  }
</style>
"""

# What is typed in the picture of a terminal; lines that begin with `:` are done before, unseen.
SESSION = """\
:distgen publish -q opendev/python-base 'opendev/gitea*'
sed -i 's/apt-get clean/apt-get distclean/' templates/_shared/apt.j2
distgen diff --since HEAD --stat 'opendev/*'
:git commit -qam 'Clean more of what apt leaves'
distgen publish 'opendev/gitea*'
:git clone -q dist-git/opendev/gitea.git ../gitea
:sed -i 's/^EXPOSE 3000$/EXPOSE 3000 3001/' ../gitea/Dockerfile
:git -C ../gitea commit -qam 'Open another port'
:git -C ../gitea push -q
:sed -i 's/gettext, git,/gettext, git, gnupg,/' overlays/opendev/gitea.yaml
:git commit -qam 'Let Gitea check signatures'
distgen publish opendev/gitea  # somebody edited its Dockerfile meanwhile
distgen adopt opendev/gitea
"""
COLUMNS = 112
# What the picture of a report is about.
CHANGE = (
    "sed -i 's/apt-get clean/apt-get distclean/' templates/_shared/apt.j2",
    "sed -i 's/gettext, git,/gettext, git, gnupg,/' overlays/opendev/gitea.yaml",
    """sed -i 's/python: "3.11"/python: "3.12"/' overlays/opendev/namespace.yaml""",
    "distgen -q report -o ../report --since HEAD 'opendev/*' 'zuul/*'",
)
TERMINAL = """\
<svg class="rich-terminal" viewBox="0 0 {width} {height}" xmlns="http://www.w3.org/2000/svg">
<style>
.{unique_id}-matrix {{ font-family: ui-monospace, Menlo, Consolas, "DejaVu Sans Mono", monospace;
  font-size: {char_height}px; line-height: {line_height}px; font-variant-east-asian: full-width }}
.{unique_id}-title {{ font-size: 18px; font-weight: bold; font-family: Helvetica, sans-serif }}
{styles}
</style>
<defs>
<clipPath id="{unique_id}-clip-terminal">
<rect x="0" y="0" width="{terminal_width}" height="{terminal_height}" />
</clipPath>
{lines}
</defs>
{chrome}
<g transform="translate({terminal_x}, {terminal_y})" clip-path="url(#{unique_id}-clip-terminal)">
{backgrounds}
<g class="{unique_id}-matrix">
{matrix}
</g>
</g>
</svg>
"""


def draw_overview() -> str:
    """Return the picture of what distgen is."""
    from draw_graphs import draw

    svg = draw(OVERVIEW, "Templates, overlays and a lock go through distgen into git repositories")
    size = re.search(r'viewBox="0\.00 0\.00 ([\d.]+) ([\d.]+)"', svg)
    assert size is not None
    width, height = (float(number) for number in size.groups())
    box = f'viewBox="-14 -14 {width + 28:.0f} {height + 28:.0f}"'
    paper = (
        f'<rect class="paper" x="-13" y="-13" width="{width + 26:.0f}" '
        f'height="{height + 26:.0f}" rx="8"/>\n'
    )
    head, _, rest = svg.partition(">")
    head = re.sub(r' (width|height|viewBox|xmlns:\w+)="[^"]*"', "", head)
    head = f'{head} width="{width * 4 / 3:.0f}" {box}'
    return f"{head}>\n{STYLE}{paper}{rest.lstrip()}"


def make_catalogue(folder: Path) -> None:
    """Copy the default catalogue into a folder, and commit it."""
    folder.mkdir(parents=True)
    for name in CATALOGUE:
        copy = shutil.copytree if (ROOT / name).is_dir() else shutil.copy2
        copy(ROOT / name, folder / name)
    (folder / ".gitignore").write_text("dist-git/\n")
    for words in ("init -q", "add -A", "commit -qm 'Begin with the default catalogue'"):
        subprocess.run(f"git {words}", shell=True, cwd=folder, env=_environ(folder), check=True)


def _environ(folder: Path) -> dict[str, str]:
    """Return an environment in which everybody sees the same."""
    programs = folder.parent / "programs"
    programs.mkdir(exist_ok=True)
    program = programs / "distgen"
    program.write_text(f'#!/bin/sh\nexec {shlex.quote(sys.executable)} -m distgen_git "$@"\n')
    program.chmod(0o755)
    kept = {name: text for name, text in os.environ.items() if not name.startswith("GIT_")}
    return kept | {
        "PATH": f"{programs}:{os.environ['PATH']}",
        "HOME": str(folder.parent),
        "XDG_CACHE_HOME": str(folder.parent / "cache"),
        "GIT_CONFIG_NOSYSTEM": "1",
        **{
            f"GIT_{role}_{key}": value
            for role in ("AUTHOR", "COMMITTER")
            for key, value in (
                ("NAME", "Ada"),
                ("EMAIL", "ada@example.org"),
                ("DATE", "2026-06-01T12:00Z"),
            )
        },
    }


def run_session(folder: Path) -> Iterator[str]:
    """Yield what a terminal shows of the session, with its colours."""
    make_catalogue(folder)
    for line in SESSION.splitlines():
        words = line.removeprefix(":")
        if "distgen " in words and not line.startswith(":"):
            words = words.replace("distgen ", "distgen --color always ", 1)
        result = subprocess.run(
            words,
            shell=True,
            cwd=folder,
            env=_environ(folder),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
        )
        if line.startswith(":"):
            assert result.returncode == 0, f"{line}: {result.stdout}"
            continue
        yield f"\x1b[1;32m$\x1b[0m \x1b[1m{line}\x1b[0m"
        yield from (*result.stdout.splitlines(), "") if result.stdout else ()


def draw_terminal(lines: Iterator[str]) -> str:
    """Return the picture of a terminal that shows these lines."""
    console = Console(record=True, width=COLUMNS, file=StringIO())
    shown = list(lines)
    while shown and not shown[-1]:
        shown.pop()
    for line in shown:
        console.print(Text.from_ansi(line), crop=True, no_wrap=True, overflow="ellipsis")
    return console.export_svg(title="distgen", code_format=TERMINAL, unique_id="distgen")


def take_report(folder: Path, path: Path) -> None:
    """Keep a picture of the overview of a report, as Chromium shows it."""
    from playwright.sync_api import sync_playwright

    make_catalogue(folder)
    words = " && ".join(CHANGE)
    subprocess.run(words, shell=True, cwd=folder, env=_environ(folder), check=True)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"))
        page = browser.new_context(viewport={"width": 1100, "height": 760}).new_page()
        page.goto((folder.parent / "report/index.html").as_uri())
        page.screenshot(path=path)
        browser.close()


if __name__ == "__main__":
    asked = sys.argv[1:] or ["overview", "terminal", "report"]
    with tempfile.TemporaryDirectory(prefix="pictures-") as place:
        if "overview" in asked:
            (PICTURES / "overview.svg").write_text(draw_overview(), encoding="utf-8")
        if "terminal" in asked:
            drawn = draw_terminal(run_session(Path(place, "terminal/catalogue")))
            (PICTURES / "terminal.svg").write_text(drawn, encoding="utf-8")
        if "report" in asked:
            take_report(Path(place, "report/catalogue"), PICTURES / "report.png")
