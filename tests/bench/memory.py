"""Compare the memory of comparing 2,000 images, one edit each, with that of rendering them."""

import os
import subprocess
import sys
import tempfile
from pathlib import Path

import affected as commands

COUNT, LIMIT = 2000, 1.5
DOCKERFILE = """\
FROM {{ base.reference }}
RUN apt-get update \\
    && apt-get install -y git curl \\
    && rm -rf /var/lib/apt/lists/*
ENV HOME=/var/lib/app
COPY start.sh /usr/local/bin/start
LABEL org.opencontainers.image.title={{ image.full_name | dq }}
USER 1000
CMD ["start"]
"""
FILES = {
    "distgen.yaml": "version: 1\n",
    "templates/app/template.yaml": "description: App\n",
    "templates/app/Dockerfile.j2": DOCKERFILE,
    "templates/app/start.sh": "#!/bin/sh\n" + "echo start\n" * 40,
    "templates/app/README.rst.j2": "{{ image.full_name }}\n\n" + "About this image.\n" * 40,
    "overlays/many/namespace.yaml": "registry: quay.io/many\nstreams: {master: }\n",
}
PEAK = "import resource as r; print(r.getrusage(r.RUSAGE_CHILDREN).ru_maxrss / 1024)"


def megabytes(folder: Path, *words: str) -> float:
    """Return the most memory that a run of distgen takes, of all its processes the largest."""
    command = [*commands.COMMAND, "-q", "-C", str(folder / "catalogue"), *words]
    call = f"import subprocess as s; s.run({command!r}, stdout=s.DEVNULL)"
    script = [sys.executable, "-c", f"{call}; {PEAK}"]
    environ = {**os.environ, "XDG_CACHE_HOME": str(folder / "cache")}
    run = subprocess.run(script, check=True, capture_output=True, text=True, env=environ)
    return float(run.stdout)


def main() -> None:
    with tempfile.TemporaryDirectory() as name:
        folder, root = Path(name), Path(name) / "catalogue"
        app = "template: app\nfrom: docker.io/library/debian:12\n"
        commands.write_files(
            root, {**FILES, **{f"overlays/many/app-{n}.yaml": app for n in range(COUNT)}}
        )
        commands.commit_all(root)
        text = DOCKERFILE.replace("USER", 'LABEL vendor="Example"\nUSER')
        (root / "templates/app/Dockerfile.j2").write_text(text)
        render = megabytes(folder, "render", "-o", str(folder / "trees"))
        diff = megabytes(folder, "diff", "--since", "HEAD")
    print(
        f"review: {COUNT} images, one edit each, {diff:.0f} MB, rendering {render:.0f} MB:"
        f" {diff / render:.2f}x (at most {LIMIT}x)"
    )


if __name__ == "__main__":
    main()
