"""What Gerrit, Forgejo and GitLab do with a push, as hooks of a real git repository.

Run by git as `proc-receive` (gerrit, forgejo) or `post-receive` (gitlab); the reviews and all that
arrived are kept in `reviews.json` of the repository.
"""

from __future__ import annotations

import fcntl
import json
import os
import re
import subprocess
import sys
import textwrap
from collections.abc import Iterable
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
    """Return the ref that was written, or why not; ReceiveCommits and CommitValidators."""
    branch, _, rest = ref.removeprefix("refs/for/").partition("%")
    named = dict(part.split("=", 1) for part in rest.split(",") if "=" in part)
    tell("\r".join([*["Processing changes: refs: 1"] * 4, "Processing changes: refs: 1, done"]))
    if not git("for-each-ref", f"refs/heads/{branch}"):
        return "", f"branch {branch} not found"
    if new in git("for-each-ref", "--format=%(objectname)", "refs/changes/").split():
        return "", "no new changes"  # be it an earlier patch set
    text = message(new)
    ids = re.findall("^Change-Id: (.*)$", text.rpartition("\n\n")[2], re.MULTILINE)
    if wrong := _invalid(ids, text) or _forged(new):
        return "", f"commit {new[:7]}: {wrong}"
    known = [r for r in state["reviews"] if (r["id"], r["branch"]) == (ids[0], branch)]
    review = known[0] if known else None
    if review and review["state"] != "open":
        return "", f"change http://review.test/c/ns/app/+/{review['number']} closed"
    if review is None:
        review = {"number": len(state["reviews"]) + 1, "id": ids[0], "branch": branch,
                  "state": "open", "commits": [], "said": []}  # fmt: skip
        state["reviews"].append(review)
    review |= {"topic": named.get("topic"), "message": text}
    review["commits"].append(new)
    number = review["number"]
    address = f"http://review.test/c/ns/app/+/{number}"
    fresh = "" if known else " [NEW]"
    tell("", "SUCCESS", "", f"  {address} {text.splitlines()[0]}{fresh}", "")
    place = f"refs/changes/{number % 100:02}/{number}/"
    there = git("for-each-ref", "--format=%(refname)", place).split()
    return f"{place}{len(there) + 1}", ""


def _invalid(ids: list[str], text: str) -> str:
    if len(ids) > 1:
        return "multiple Change-Id lines in message footer"
    if not ids:
        above = "\nChange-Id:" in text
        return (
            "Change-Id must be in message footer"
            if above
            else ("missing Change-Id in message footer")
        )
    if not re.fullmatch("I[0-9a-f]{40}", ids[0]):
        return "invalid Change-Id line format in message footer"
    return ""


def _forged(commit: str) -> str:
    """Compare the committer with the addresses of the account, if the repository knows any."""
    addresses = git("config", "--default=", "--get", "forge.addresses").split()
    committer = git("log", "-1", "--format=%ce", commit).strip()
    if not addresses or committer in addresses:
        return ""
    tell(
        f"ERROR: commit {commit[:7]}: email address {committer} is not registered in your account,"
        " and you lack 'forge committer' permission.",
        "The following addresses are currently registered:",
        *(f"   {address}" for address in addresses),
        "To register an email address, visit:",
        "http://review.test/settings#EmailAddresses",
    )
    return "invalid committer"


SAME = {
    "forgejo": "The new commit is the same as the old commit",
    "gitea": "new commit is same with old commit",
}


def forgejo(state: dict, old: str, new: str, ref: str, options: dict) -> tuple[str, str]:
    """Return the ref that was written, or why not; services/agit/agit.go of both."""
    branch, topic = ref.removeprefix("refs/for/"), options.get("topic", [""])[-1]
    dialect = git("config", "--default=forgejo", "--get", "forge.dialect").strip()
    if not topic or not git("for-each-ref", f"refs/heads/{branch}"):
        return "", "The topic-branch option is not set"
    known = [r for r in state["reviews"]
             if (r["topic"], r["branch"], r["state"]) == (topic, branch, "open")]  # fmt: skip
    if known:
        review = known[0]
        was = git("rev-parse", f"refs/pull/{review['number']}/head").strip()
        if was == new:
            return "", SAME[dialect]
        if git("rev-list", "--max-count=1", was, f"^{new}") and "force-push" not in options:
            return "", "Updates were rejected because the tip of your current branch is behind"
    else:
        review = {"number": len(state["reviews"]) + 1, "topic": topic, "branch": branch,
                  "state": "open", "merged": False, "commits": [],
                  "title": options.get("title", [message(new).splitlines()[0]])[-1],
                  "body": options.get("description", [message(new)])[-1]}  # fmt: skip
        state["reviews"].append(review)
    review["commits"].append(new)
    address = f"http://forge.test/ns/app/pulls/{review['number']}"
    # The one that it has just opened is an existing one, too.
    tell("", "Visit the existing pull request:", f"  {address}", "")
    return f"refs/pull/{review['number']}/head", ""


def gitlab(state: dict, old: str, new: str, ref: str, options: dict) -> None:
    """Open, change or close a merge request; MergeRequests::PushOptionsHandlerService."""
    source = ref.removeprefix("refs/heads/")
    for review in state["reviews"]:
        if review["state"] == "open" and not git(
            *("rev-list", "--max-count=1", review["commits"][-1], f"^{review['target']}")
        ):
            review["state"] = "merged"
    known = [r for r in state["reviews"] if (r["source"], r["state"]) == (source, "open")]
    if new == NONE:
        for review in known:
            review["state"] = "closed"
        return
    asked = {key.removeprefix("merge_request."): values for key, values in options.items()}
    target = asked.get("target", [""])[-1].strip()
    if wrong := _objection(state, asked, target):
        said = " ".join(f"'{key}={value}'" if value else f"'{key}'"
                        for key, values in options.items() for value in values)  # fmt: skip
        _alert(f"WARNINGS: Error encountered with push options {said}: {wrong}")
    elif asked and not known:
        state["reviews"].append({"number": len(state["reviews"]) + 1, "source": source,
                                 "state": "open", "commits": [], "labels": []})  # fmt: skip
        known = state["reviews"][-1:]
    for review in known:
        review["commits"].append(new)
        if not wrong:
            review["target"], review["title"] = target, asked["title"][-1].strip()
            review["body"] = asked["description"][-1].strip().replace("\\n", "\n")
            review["labels"] = sorted({*review["labels"], *asked.get("label", [])})
    project = "http://lab.test/ns/app/-/merge_requests"
    if known:
        tell("", f"View merge request for {source}:", f"  {project}/{known[0]['number']}", "")
    else:
        address = f"{project}/new?merge_request%5Bsource_branch%5D={source}"
        tell("", f"To create a merge request for {source}, visit:", f"  {address}", "")


def _objection(state: dict, asked: dict, target: str) -> str:
    if not asked:
        return ""
    if state.get("disabled"):
        return "Merge requests are not enabled for project ns/app"
    if target and not git("for-each-ref", f"refs/heads/{target}"):
        return f"Target branch ns/app:{target} does not exist"
    return ""


def _alert(text: str) -> None:
    """Print as Gitaly does: wrapped and centred, whatever the words are."""
    lines = textwrap.wrap(text, 68, break_long_words=False)
    tell("", "=" * 72, "", *(line.center(72).rstrip() for line in lines), "", "=" * 72, "")


def tell(*lines: str) -> None:
    print("\n".join(lines), file=sys.stderr)


# --- how git asks --------------------------------------------------------------------------------


def proc_receive(forge: str) -> None:
    """Speak git's proc-receive protocol, version 1 (githooks(5))."""
    _packets()
    _send(b"version=1\0push-options atomic\n", None)
    commands = [line.split(" ", 2) for line in _packets()]
    options = _options(_packets())
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
    options = _options(os.environ[f"GIT_PUSH_OPTION_{number}"] for number in range(count))
    for line in sys.stdin:
        old, new, ref = line.split()
        text = message(new) if new != NONE else ""
        state["arrived"].append({"ref": ref, "options": options, "message": text})
        gitlab(state, old, new, ref, options)
    save(state)


def _options(texts: Iterable[str]) -> dict[str, list[str]]:
    """Return the values of each option, in the order they came in."""
    found: dict[str, list[str]] = {}
    for text in texts:
        key, _, value = text.partition("=")
        found.setdefault(key, []).append(value)
    return found


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
    with Path("turn").open("w") as turn:
        fcntl.flock(turn, fcntl.LOCK_EX)  # one push after another, as in a forge's database
        if sys.argv[1] == "gitlab":
            post_receive()
        else:
            proc_receive(sys.argv[1])
