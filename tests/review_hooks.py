"""What Gerrit, Forgejo and GitLab do with a push, as hooks of a real git repository.

Run by git as `proc-receive` (gerrit, forgejo) or `post-receive` (gitlab); the reviews and all that
arrived are kept in `reviews.json` of the repository.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

STATE = Path("reviews.json")
NONE = "0" * 40


def load(folder: Path = Path()) -> dict:
    path = folder / STATE
    return json.loads(path.read_text()) if path.exists() else {"reviews": [], "arrived": []}


def save(state: dict, folder: Path = Path()) -> None:
    (folder / STATE).write_text(json.dumps(state, indent=1))


def install(folder: Path, forge: str) -> None:
    """Make a bare repository behave as a forge's."""
    hook = "post-receive" if forge == "gitlab" else "proc-receive"
    path = folder / "hooks" / hook
    path.parent.mkdir(exist_ok=True)
    path.write_text(f"#!/bin/sh\nexec '{sys.executable}' '{__file__}' {forge}\n")
    path.chmod(0o755)
    if forge != "gitlab":
        git("config", "receive.procReceiveRefs", "refs/for", folder=folder)


def git(*words: str, folder: Path | None = None) -> str:
    where = ["-C", str(folder)] if folder else []
    return subprocess.run(
        ["git", *where, *words], capture_output=True, text=True, check=True
    ).stdout


def message(commit: str) -> str:
    return git("log", "-1", "--format=%B", commit).strip("\n")


# --- what a forge makes of a push ----------------------------------------------------------------


def gerrit(state: dict, old: str, new: str, ref: str, options: dict) -> tuple[str, str]:
    """Return the ref that was written, or why not; https://gerrit-review.googlesource.com."""
    branch, _, rest = ref.removeprefix("refs/for/").partition("%")
    named = dict(part.split("=", 1) for part in rest.split(",") if "=" in part)
    text = message(new)
    ids = [line[11:] for line in text.splitlines() if line.startswith("Change-Id: ")]
    if not git("for-each-ref", f"refs/heads/{branch}"):
        return "", f"branch {branch} not found"
    if not ids:
        return "", "missing Change-Id in message footer"
    known = [r for r in state["reviews"] if (r["id"], r["branch"]) == (ids[-1], branch)]
    review = known[0] if known else None
    if review and review["state"] != "open":
        return "", f"change http://review.test/c/+/{review['number']} closed"
    if review and review["commits"][-1] == new:
        return "", "no new changes"
    if review is None:
        review = {"number": len(state["reviews"]) + 1, "id": ids[-1], "branch": branch,
                  "state": "open", "commits": [], "said": []}  # fmt: skip
        state["reviews"].append(review)
    review |= {"topic": named.get("topic"), "message": text}
    review["commits"].append(new)
    number = review["number"]
    print(f"SUCCESS\n\n  http://review.test/c/ns/+/{number} words [NEW]", file=sys.stderr)
    return f"refs/changes/{number % 100:02}/{number}/{len(review['commits'])}", ""


def forgejo(state: dict, old: str, new: str, ref: str, options: dict) -> tuple[str, str]:
    """Return the ref that was written, or why not; Forgejo's services/agit."""
    branch, topic = ref.removeprefix("refs/for/"), options.get("topic")
    if not topic:
        return "", "The topic-branch option is not set"
    known = [r for r in state["reviews"]
             if (r["topic"], r["branch"], r["state"]) == (topic, branch, "open")]  # fmt: skip
    if known:
        review = known[0]
        was = review["commits"][-1]
        if was == new:
            return "", "The new commit is the same as the old commit"
        if git("rev-list", "--max-count=1", was, f"^{new}") and "force-push" not in options:
            return "", "Updates were rejected because the tip of your current branch is behind"
    else:
        review = {"number": len(state["reviews"]) + 1, "topic": topic, "branch": branch,
                  "state": "open", "merged": False, "commits": [],
                  "title": options.get("title") or message(new).splitlines()[0],
                  "body": options.get("description") or message(new)}  # fmt: skip
        state["reviews"].append(review)
        print(f"Visit: http://forge.test/pulls/{review['number']}", file=sys.stderr)
    review["commits"].append(new)
    return f"refs/pull/{review['number']}/head", ""


def gitlab(state: dict, old: str, new: str, ref: str, options: dict) -> None:
    """Open, change or close a merge request; GitLab's push options."""
    source = ref.removeprefix("refs/heads/")
    known = [r for r in state["reviews"] if (r["source"], r["state"]) == (source, "open")]
    if new == NONE:
        for review in known:
            review["state"] = "closed"
        return
    if not known and "merge_request.create" in options:
        state["reviews"].append({"number": len(state["reviews"]) + 1, "source": source,
                                 "state": "open", "commits": [], "labels": []})  # fmt: skip
        known = state["reviews"][-1:]
    for review in known:
        review["commits"].append(new)
        review["target"] = options.get("merge_request.target")
        review["title"] = options.get("merge_request.title")
        review["body"] = options.get("merge_request.description", "").replace("\\n", "\n")
        review["labels"] = [options["merge_request.label"]]
        number = review["number"]
        print(f"View merge request for {source}:\n  http://lab.test/-/{number}", file=sys.stderr)


# --- how git asks --------------------------------------------------------------------------------


def proc_receive(forge: str) -> None:
    """Speak git's proc-receive protocol, version 1 (githooks(5))."""
    _packets()
    _send(b"version=1\0push-options atomic\n", None)
    commands = [line.split(" ", 2) for line in _packets()]
    options = dict((*line.split("=", 1), "")[:2] for line in _packets())
    state = load()
    answers = []
    for old, new, ref in commands:
        state["arrived"].append({"ref": ref, "options": options, "message": message(new)})
        written, wrong = {"gerrit": gerrit, "forgejo": forgejo}[forge](
            state, old, new, ref, options
        )
        if wrong:
            answers.append(f"ng {ref} {wrong}\n".encode())
        else:
            git("update-ref", written, new)
            answers += [f"ok {ref}\n".encode(), f"option refname {written}\n".encode(),
                        f"option new-oid {new}\n".encode()]  # fmt: skip
    save(state)
    _send(*answers, None)


def post_receive() -> None:
    state = load()
    count = int(os.environ.get("GIT_PUSH_OPTION_COUNT", "0"))
    texts = [os.environ[f"GIT_PUSH_OPTION_{number}"] for number in range(count)]
    options = dict((*text.split("=", 1), "")[:2] for text in texts)
    for line in sys.stdin:
        old, new, ref = line.split()
        text = message(new) if new != NONE else ""
        state["arrived"].append({"ref": ref, "options": options, "message": text})
        gitlab(state, old, new, ref, options)
    save(state)


def _packets() -> list[str]:
    lines = []
    while size := int(sys.stdin.buffer.read(4), 16):
        lines.append(sys.stdin.buffer.read(size - 4).decode().rstrip("\n"))
    return lines


def _send(*packets: bytes | None) -> None:
    for packet in packets:
        out = b"0000" if packet is None else b"%04x%s" % (len(packet) + 4, packet)
        sys.stdout.buffer.write(out)
    sys.stdout.buffer.flush()


if __name__ == "__main__":
    if sys.argv[1] == "gitlab":
        post_receive()
    else:
        proc_receive(sys.argv[1])
