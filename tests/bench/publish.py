"""Compare publishing with all-repos, with itself without syncing, and with git ls-remote.

Needs all-repos beside this interpreter or on PATH: pip install all-repos==1.27
"""

import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

# An installed package has its bytecode; a checkout would be compiled at each start.
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
REPOSITORIES, JOBS, ROUNDS = 200, 8, 3
FASTER, QUIET, SYNCED = 2.5, 1.5, 1.5
CHECKOUT = Path(__file__).parents[2]
STEPS = "\n".join(f"RUN apt-get update && apt-get install -y package-{n}" for n in range(12))
FILES = {
    "distgen.yaml": "version: 1\n",
    "templates/app/template.yaml": "description: An app\nvalues: {}\n",
    "templates/app/Dockerfile.j2": f"FROM {{{{ base.reference }}}}\n{STEPS}\nENV ROUND=0\n",
    "templates/app/README.rst.j2": "{{ image.full_name }}\n\n" + "About this image.\n" * 40,
    "templates/app/start.sh": "#!/bin/sh\nexec app\n",
    "templates/app/etc/app.conf": "option = value\n" * 60,
    "overlays/bench/namespace.yaml": """\
registry: quay.io/bench
description: Images to measure with
streams:
  master: {branch: master, tags: [master]}
values: {}
""",
    "overlays/bench/base.yaml": "template: app\nfrom: docker.io/library/debian:bookworm\n",
}


def environment(folder):
    """Return an environment in which every git is the same for all contestants."""
    config = folder / "gitconfig"
    config.write_text("[user]\n\tname = Bench\n\temail = bench@localhost\n")
    kept = {name: text for name, text in os.environ.items() if not name.startswith("GIT_")}
    return kept | {
        "GIT_CONFIG_NOSYSTEM": "1",
        "GIT_CONFIG_GLOBAL": str(config),
        "XDG_CACHE_HOME": str(folder / "cache"),
        "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
        "PYTHONPATH": str(CHECKOUT),
    }


def seconds(command, env, cwd=None):
    begin = time.perf_counter()
    done = subprocess.run(command, env=env, cwd=cwd, capture_output=True, check=False)
    if done.returncode:
        sys.exit(f"{command} ended with {done.returncode}: {done.stderr.decode()[-2000:]}")
    return time.perf_counter() - begin


def catalogue(folder):
    files = dict(FILES)
    for number in range(REPOSITORIES - 1):
        files[f"overlays/bench/app{number}.yaml"] = "template: app\nfrom: bench/base\n"
    for name, text in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return folder


def all_repos(folder, remotes, env):
    """Let all-repos clone the remotes, as its users do once; return its configuration."""
    urls = {path.stem: str(path) for path in remotes}
    settings = {
        "output_dir": str(folder / "clones"),
        "source": "all_repos.source.json_file",
        "source_settings": {"filename": str(folder / "urls.json")},
        "push": "all_repos.push.merge_to_master",
        "push_settings": {"fast_forward": True},
    }
    for name, data in (("urls.json", urls), ("all-repos.json", settings)):
        (folder / name).write_text(json.dumps(data))
        (folder / name).chmod(0o600)
    config = str(folder / "all-repos.json")
    seconds(["all-repos-clone", "-C", config, "-j", str(JOBS)], env)
    return config


def changed(root, number):
    """Change the template that all images share."""
    path = root / "templates/app/Dockerfile.j2"
    path.write_text(path.read_text().replace(f"ROUND={number - 1}", f"ROUND={number}"))


def main():
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        env = environment(folder)
        if shutil.which("all-repos-sed", path=env["PATH"]) is None:
            sys.exit("all-repos is missing: pip install all-repos==1.27")
        root = catalogue(folder / "catalogue")
        publish = [sys.executable, "-m", "distgen", "-q", "-C", str(root), "publish"]
        publish += ["--jobs", str(JOBS)]
        seconds(publish, env)
        shutil.copytree(root / "dist-git", folder / "same")
        unsynced_root = folder / "unsynced"
        shutil.copytree(root, unsynced_root)
        unsynced = [sys.executable, "-m", "distgen", "-q", "-C", str(unsynced_root), "publish"]
        unsynced += ["--jobs", str(JOBS), "--no-sync", "--store", str(folder / "store")]
        seconds(unsynced, env)
        config = all_repos(folder, sorted((folder / "same/bench").iterdir()), env)
        listed = "\n".join(str(path) for path in (root / "dist-git/bench").iterdir())
        (folder / "remotes").write_text(listed)
        ask = ["xargs", "-P", str(JOBS), "-n", "1", "-a", str(folder / "remotes")]
        took = {"publish": [], "unsynced": [], "all-repos": [], "nothing": [], "ls-remote": []}
        for number in range(1, ROUNDS + 1):  # in turn, so that noise meets all of them
            changed(root, number)
            took["publish"].append(seconds(publish, env))
            changed(unsynced_root, number)
            took["unsynced"].append(seconds(unsynced, env))
            sed = ["-j", str(JOBS), "--branch-name", f"round{number}"]
            sed += [f"s/ROUND={number - 1}/ROUND={number}/", "Dockerfile"]
            took["all-repos"].append(seconds(["all-repos-sed", "-C", config, *sed], env))
            took["nothing"].append(seconds(publish, env))
            took["ls-remote"].append(seconds([*ask, "git", "ls-remote"], env))
    best = {name: min(times) for name, times in took.items()}
    print(
        f"publish: a change of {REPOSITORIES} repositories {best['publish']:.2f} s,"
        f" all-repos {best['all-repos']:.2f} s:"
        f" {best['all-repos'] / best['publish']:.2f}x faster (at least {FASTER}x)"
    )
    print(
        f"publish: on the disk before a push counts {best['publish']:.2f} s,"
        f" --no-sync {best['unsynced']:.2f} s:"
        f" {best['publish'] / best['unsynced']:.2f}x (at most {SYNCED}x)"
    )
    print(
        f"publish: nothing changed in {REPOSITORIES} repositories {best['nothing']:.2f} s,"
        f" git ls-remote {best['ls-remote']:.2f} s:"
        f" {best['nothing'] / best['ls-remote']:.2f}x (at most {QUIET}x)"
    )


if __name__ == "__main__":
    main()
