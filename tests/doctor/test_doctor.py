"""`distgen doctor`: each thing is broken by itself, and named with what to do."""

import json
import os
import shutil
import socket
import threading
import time
from email.utils import formatdate

import jsonschema
import pytest
from testing.commandline import distgen  # noqa: F401 -- a fixture
from testing.dist_git import git
from testing.git_server import Fault, git_server
from testing.github_server import github_server
from testing.raw_server import ok, raw_server
from testing.reviews import TOKEN, USER, commit_on, refs
from testing.servers import Reply, serve
from testing.sites import save, site
from testing.transports import daemon

from distgen.doctor.clock import duration
from distgen.doctor.records import Diagnosis
from distgen.doctor.report import join_alike, table_row
from distgen.pool import run_bounded
from distgen.schema.packaged import load_schema

URL = "{namespace}/{image}.git"


@pytest.fixture
def server(tmp_path):
    with git_server(tmp_path / "srv", {USER: TOKEN}) as server:
        commit_on(server.repository("ns/base.git"), "main", {"README": "Made by hand.\n"})
        yield server


@pytest.fixture
def remote_site(catalogue, server):
    """Return a function that makes a catalogue of one image, on the server unless `url` differs."""

    def make(url="", **dist_git):
        address = f"{url or server.url}/{URL}"
        settings = {"url": address, "user": USER, "token_env": "LAB_TOKEN", **dist_git}
        root = site(catalogue, "base", **{key: text for key, text in settings.items() if text})
        (root / "distgen.lock").write_text(
            'version: 1\nbases:\n  "docker.io/library/debian:12":\n'
            f'    digest: "sha256:{"0" * 64}"\n'
        )
        save(root)
        return root

    return make


@pytest.fixture
def run(distgen, monkeypatch, tmp_path):  # noqa: F811
    """Return a function that runs the command with an environment of its own."""
    (tmp_path / "home").mkdir()

    def start(root, *words, **environment):
        with monkeypatch.context() as patch:
            for name, text in {"HOME": str(tmp_path / "home"), **environment}.items():
                patch.setenv(name, text)
            return distgen(root, *words)

    return start


@pytest.fixture
def checks(run):
    """Return a function that runs the doctor and returns what it says, held to the schema."""

    def examine(root, *words, code=None, **environment):
        patient = ("--timeout", "60", "--format", "json")  # a busy machine is no slow server
        done = run(root, "doctor", *patient, *words, **environment)
        report = json.loads(done.out)
        jsonschema.validate(report, load_schema("doctor"))
        assert done.code == (code if code is not None else int("error" in report["summary"]))
        assert TOKEN not in done.out + done.err
        return report["checks"]

    return examine


def bad(diagnoses):
    """Return what is not well, in a sentence each."""
    return [
        f"{row['check']} {row['subject']}: {row['detail']}; {row['action']}"
        for row in diagnoses
        if row["status"] != "ok"
    ]


def test_all_is_well_where_publishing_works(remote_site, server, checks, run):
    root = remote_site()
    rows = checks(root, code=0, LAB_TOKEN=TOKEN)
    assert bad(rows) == []
    assert [(row["check"], row["subject"]) for row in rows] == [
        *(("program", name) for name in ("git", "hadolint", "shellcheck")),
        ("cache", str(root.parent / "home/.cache/distgen")),
        ("disk", str(root.parent / "home")),
        ("catalogue", "distgen.yaml"),
        ("catalogue", "commit"),
        ("lock", "distgen.lock"),
        ("token", "LAB_TOKEN"),
        ("clock", server.url.partition("//")[2]),
        ("repository", f"{server.url}/ns/base.git"),
    ]
    assert {request.method for request in server.requests} <= {"GET", "HEAD"}
    assert run(root, "publish", LAB_TOKEN=TOKEN).code == 0


def test_people_read_a_line_for_each_and_a_summary(remote_site, server, run):
    root = remote_site()
    done = run(root, "doctor", "--offline")
    assert done.code == 1
    assert done.out.splitlines()[-1] == (
        "error  token      LAB_TOKEN: is empty or not set; set it, or name where the token is:"
        " dist_git.token_env, dist_git.token_file"
    )
    assert done.err == "8 ok, 1 error\n"
    assert server.requests == []


def test_a_token_that_the_server_does_not_know_is_named(remote_site, server, checks):
    (line,) = bad(checks(remote_site(), code=1, LAB_TOKEN="another"))
    assert line == (
        f"repository {server.url}/ns/base.git: does not accept the token; is it still valid?"
    )


def test_a_token_file_that_others_can_read_is_named(remote_site, tmp_path, checks):
    path = tmp_path / "token"
    path.write_text(TOKEN)
    path.chmod(0o644)
    root = remote_site(token_env="", token_file=path)
    lines = bad(checks(root, code=1))
    assert lines[0] == f"token {path}: holds a token and is open to others; chmod 600 {path}"
    path.chmod(0o600)
    assert bad(checks(root, code=0)) == []


def test_a_repository_that_may_only_be_read_is_named(remote_site, server, checks):
    folder = server.root / "ns/base.git"
    git("-C", str(folder), "config", "http.receivepack", "false")
    (line,) = bad(checks(remote_site(), code=1, LAB_TOKEN=TOKEN))
    assert line.startswith(f"repository {server.url}/ns/base.git: can be read, but for a push it ")
    assert line.endswith("; may it read and write there?")
    server.users.clear()
    (line,) = bad(checks(remote_site(token_env=""), code=1))
    assert "can be read, but not pushed to: " in line


def test_a_repository_that_is_not_there_is_named(remote_site, server, checks):
    shutil.rmtree(server.root / "ns/base.git")
    (line,) = bad(checks(remote_site(), code=1, LAB_TOKEN=TOKEN))
    assert "there is no repository" in line
    assert line.endswith("; git init --bare ns/base.git (on the server)")


def test_a_server_that_is_gone_is_named(remote_site, checks):
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{probe.getsockname()[1]}"
    (line,) = bad(checks(remote_site(url), code=1, LAB_TOKEN=TOKEN))
    assert line == (
        f"repository {url}/ns/base.git: cannot be reached: Failed to connect to 127.0.0.1:"
        " Connection refused; see whether the address is right and the server runs"
    )


def test_without_http_rights_are_asked_for_without_pushing(catalogue, tmp_path, checks):
    (tmp_path / "srv").mkdir()
    with daemon(tmp_path / "srv") as served:
        folder = served.root / "ns/base.git"
        git("init", "-q", "--bare", "--template=", str(folder))
        tip = commit_on(folder, "main", {"README": "Made by hand.\n"})
        root = site(catalogue, "base", url=f"{served.url}/{URL}")
        rows = checks(root)
        assert [row["detail"] for row in rows if row["check"] == "repository"] == [
            "can be read and pushed to"
        ]
        git("-C", str(folder), "config", "daemon.receivepack", "false")
        lines = [line for line in bad(checks(root, code=1)) if line.startswith("repository")]
        assert "can be read, but not pushed to: " in lines[0]
        assert refs(folder) == {"refs/heads/main": tip}


@pytest.mark.parametrize("there", [True, False])
def test_a_folder_is_a_repository_or_can_become_one(catalogue, there, checks, run):
    root = site(catalogue, "base")
    if there:
        run(root, "publish")
    details = {row["detail"] for row in checks(root) if row["check"] == "repository"}
    expected = (
        "can be read and pushed to" if there else ("is not there yet; `distgen publish` makes it")
    )
    assert details == {expected}
    assert (root / "dist-git").exists() is there


def test_a_file_in_the_place_of_a_folder_is_named(catalogue, checks):
    root = site(catalogue, "base")
    (root / "dist-git").write_text("")
    (line,) = [line for line in bad(checks(root, code=1)) if line.startswith("repository")]
    assert line.endswith("not a directory; ") or "is not a folder" in line


def test_a_folder_is_named_where_only_servers_are_allowed(catalogue, checks):
    root = site(catalogue, "base", remote_only="true")
    (line,) = [line for line in bad(checks(root, code=1)) if line.startswith("repository")]
    assert line.endswith("which dist_git.remote_only refuses; change dist_git.url")


# --- this machine ------------------------------------------------------------------------------


def test_a_machine_without_git_is_told_so(catalogue, checks):
    rows = checks(site(catalogue, "base"), code=1, PATH="/nonexistent")
    assert bad(rows) == ["program git: git is not on PATH; install git"]
    assert "catalogue" in {row["check"] for row in rows}


def test_a_git_that_is_too_old_is_named(catalogue, tmp_path, checks):
    program = tmp_path / "bin/git"
    program.parent.mkdir()
    real = shutil.which("git")
    program.write_text(
        '#!/bin/sh\nfor word; do [ "$word" = --version ] && echo git version 2.20.1 && exit; done\n'
        f'exec {real} "$@"\n'
    )
    program.chmod(0o755)
    path = f"{program.parent}:{os.environ['PATH']}"
    assert "program git: version 2.20.1 is older than 2.39; install a newer git" in bad(
        checks(site(catalogue, "base"), code=1, PATH=path)
    )


def test_a_cache_that_cannot_be_written_is_named(catalogue, tmp_path, checks):
    root = site(catalogue, "base")
    (tmp_path / "home/.cache").mkdir()
    (tmp_path / "home/.cache/distgen").write_text("")
    assert (
        f"cache {tmp_path}/home/.cache/distgen: it is not a folder; repair it, or name another with"
        " XDG_CACHE_HOME"
    ) in bad(checks(root, code=1))


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_folders_without_the_right_to_write_are_named(catalogue, tmp_path, checks, run):
    root = site(catalogue, "base")
    run(root, "publish")
    (tmp_path / "home/.cache/distgen").chmod(0o555)
    (root / "dist-git/ns/base.git/objects").chmod(0o555)
    try:
        lines = " ".join(bad(checks(root, code=1)))
    finally:
        (tmp_path / "home/.cache/distgen").chmod(0o755)
        (root / "dist-git/ns/base.git/objects").chmod(0o755)
    assert "cannot be written: permission denied" in lines
    assert "can be read, but not written" in lines


def test_an_old_lock_and_one_without_a_fact_are_named(remote_site, checks):
    root = remote_site()
    path = root / "distgen.lock"
    path.write_text("version: 1\n")
    os.utime(path, (0, time.time() - 40 * 86_400))
    lines = bad(checks(root, "--offline", LAB_TOKEN=TOKEN))
    assert lines[1:] == [
        "lock distgen.lock: 1 fact missing: docker.io/library/debian:12; run `distgen lock`",
        "lock distgen.lock: changed 40 days ago; refresh it with `distgen lock --upgrade`",
    ]
    lines = bad(checks(root, "--offline", "--lock-age", "41", LAB_TOKEN=TOKEN))
    assert not any("days ago" in line for line in lines)


def test_the_age_of_a_lock_is_that_of_its_commit(remote_site, monkeypatch, checks):
    root = remote_site()
    then = f"{int(time.time()) - 50 * 86_400} +0000"
    monkeypatch.setenv("GIT_COMMITTER_DATE", then)
    (root / "distgen.lock").write_text((root / "distgen.lock").read_text() + "\n")
    save(root)
    monkeypatch.delenv("GIT_COMMITTER_DATE")
    (root / "later").write_text("")
    save(root)
    words = ("--offline",)
    assert "changed 50 days ago" in " ".join(bad(checks(root, *words, LAB_TOKEN=TOKEN)))
    shallow = root.parent / "shallow"
    git("clone", "-q", "--depth", "1", root.as_uri(), str(shallow))
    details = [row["detail"] for row in checks(shallow, *words, LAB_TOKEN=TOKEN)]
    assert "when it changed is unknown in this shallow clone" in details


def test_a_catalogue_that_cannot_be_read_is_named_with_its_line(catalogue, checks):
    root = site(catalogue, "base")
    (root / "overlays/ns/base.yaml").write_text("template: nothing\nfrom: scratch\n")
    (line,) = bad(checks(root, code=1))
    assert line.startswith("catalogue ")
    assert "overlays/ns/base.yaml:1" in line


def test_bad_input_is_refused(catalogue, tmp_path, run):
    root = site(catalogue, "base")
    for words in (("ns/nothing", "--offline"), ("--timeout", "0"), ("--format", "xml")):
        done = run(root, "doctor", *words)
        assert (done.code, done.out) == (2, "")
    assert run(tmp_path / "nothing", "doctor").code == 2


# --- the clock ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("ahead", "status", "detail"),
    [
        (0, "ok", "this machine has the same time"),
        (-330, "warning", "this machine's clock is 5 minutes ahead of the server's"),
        (7300, "error", "this machine's clock is 2 hours behind the server's"),
        (None, "ok", "not compared: the server does not say the time"),
    ],
)
def test_a_clock_that_differs_from_the_servers_is_named(remote_site, ahead, status, detail, checks):
    def answer(asked):
        date = {} if ahead is None else {"Date": formatdate(time.time() + ahead, usegmt=True)}
        return Reply(404, b"", date)

    with serve(answer) as front:
        rows = checks(remote_site(front.url), LAB_TOKEN=TOKEN)
    (row,) = [row for row in rows if row["check"] == "clock"]
    assert (row["status"], row["detail"]) == (status, detail)


def test_a_date_that_is_none_is_not_compared(remote_site, checks):
    with serve(lambda asked: Reply(200, b"", {"Date": "\xff" * 50})) as front:
        rows = checks(remote_site(front.url), LAB_TOKEN=TOKEN)
    (row,) = [row for row in rows if row["check"] == "clock"]
    assert row["detail"].startswith("not compared")


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(61, "61 seconds"), (125, "2 minutes"), (7200, "2 hours"), (9e5, "10 days")],
)
def test_times_are_said_in_whole_units(seconds, text):
    assert duration(seconds) == text


# --- forges ------------------------------------------------------------------------------------


def test_a_forge_is_asked_for_rights_and_the_token_never_shown(remote_site, server, checks):
    with github_server(server.root, TOKEN) as hub:
        rights = {"admin": False, "maintain": False, "push": True, "triage": True, "pull": True}
        hub.add("ns/base", permissions=rights)
        root = remote_site(forge="github", api=hub.url)
        rows = checks(root, LAB_TOKEN=TOKEN)
        assert [row["detail"] for row in rows if row["check"] == "forge"] == [
            "it says that the token may push"
        ]
        assert {words.partition(" ")[0] for words in hub.asked} <= {"GET", "HEAD"}
        hub.add("ns/base", permissions={**rights, "push": False})
        lines = [line for line in bad(checks(root, LAB_TOKEN=TOKEN)) if line.startswith("forge")]
        assert lines == [
            f"forge {server.url}/ns/base.git: GitHub says that the token may read, and not push;"
            " give its user the right to write, or use another token"
        ]
        hub.add("ns/base", archived=True)
        assert "GitHub says that it is archived" in " ".join(bad(checks(root, LAB_TOKEN=TOKEN)))
        lines = bad(checks(root, LAB_TOKEN="another"))
        assert any("GitHub does not know the token" in line for line in lines)


@pytest.mark.parametrize(
    ("status", "facts", "problem"),
    [
        (200, {"permissions": {"push": True}}, ""),
        (200, {"permissions": {"push": False, "pull": True}}, "the token may read, and not push"),
        (200, {"archived": True}, "it is archived"),
        (401, {"message": "token is required"}, "Forgejo says token is required"),
        (200, ["nothing"], ""),
        (200, {"permissions": ["push"]}, ""),
    ],
)
def test_forgejo_is_asked_for_rights(remote_site, status, facts, problem, checks):
    def answer(asked):
        if not asked.path.startswith("/api"):
            return Reply(404)
        assert (asked.method, asked.path) == ("GET", "/api/v1/repos/ns/base")
        return Reply(status, json.dumps(facts).encode())

    with serve(answer) as front:
        root = remote_site(forge="forgejo", api=f"{front.url}/api/v1")
        lines = bad(checks(root, LAB_TOKEN=TOKEN))
    assert (problem in " ".join(lines)) if problem else lines == []


# --- hostile servers ---------------------------------------------------------------------------


def drip(client):
    """Send a header that never ends, a byte now and then."""
    client.sendall(b"HTTP/1.1 200 OK\r\nX-Long: ")
    while True:
        client.sendall(b"x")
        time.sleep(0.2)


def test_a_server_that_drips_keeps_nobody(remote_site, server, checks):
    with raw_server(drip) as url:
        root = remote_site(url, forge="github", api=url)
        lines = bad(checks(root, "--timeout", "2", code=1, LAB_TOKEN=TOKEN))
    assert {line.partition(" ")[0] for line in lines} >= {"repository", "forge"}
    assert "within 2 seconds" in " ".join(lines)


def test_what_a_server_says_cannot_command_a_terminal(remote_site, server, run):
    words = "\x1b[31mred\x1b]0;title\x07\rover\n second"
    server.meddle = lambda asked: Fault(404, {"Content-Type": "text/plain"}, words.encode())
    root = remote_site()
    done = run(root, "doctor", LAB_TOKEN=TOKEN)
    assert done.code == 1
    assert all(char.isprintable() or char == "\n" for char in done.out + done.err)
    assert "there is no repository" in done.out
    row = Diagnosis("forge", "a\x1b[1m", "error", f"says {words}")
    assert all(cell.isprintable() for cell in table_row(row))


def test_what_is_alike_is_said_once():
    rows = [Diagnosis("repository", name, "ok", "fine") for name in ("b", "a", "c")]
    other = Diagnosis("repository", "d", "error", "gone", "make it")
    joined = join_alike([rows[0], other, *rows[1:]])
    assert [row.subject for row in joined] == ["b and 2 more", "d"]


def test_a_task_that_takes_too_long_gives_its_place_to_others():
    release, stop = threading.Event(), threading.Event()
    tasks = [lambda: [release.wait(60)], lambda: [1], lambda: [2]]
    try:
        answers = dict(run_bounded(tasks, 1, 1, stop))
    finally:
        release.set()
    assert answers == {0: None, 1: [1], 2: [2]}
    assert stop.is_set()


def test_an_error_of_a_task_is_raised():
    def fail():
        raise ValueError("a bug")

    with pytest.raises(ValueError, match="a bug"):
        list(run_bounded([fail], 1, 60, threading.Event()))


def test_a_page_in_the_place_of_a_git_server_is_named(remote_site, checks):
    page = ok("text/html", b"<h1>Log in</h1>")
    with raw_server(lambda client: client.sendall(page)) as url:
        lines = bad(checks(remote_site(url), code=1, LAB_TOKEN=TOKEN))
    assert any("answers, but not as a git server" in line for line in lines)


def test_a_full_disk_for_temporary_files_is_named(remote_site, tmp_path, monkeypatch, checks):
    # A mock: nothing else makes only this folder unusable, for root as well.
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "gone"))
    lines = bad(checks(remote_site(), code=1, LAB_TOKEN=TOKEN))
    assert "disk temporary files: no temporary file can be written" in " ".join(lines)


def test_forgejo_without_a_token_is_not_said_to_let_it_push(remote_site, server, checks):
    server.users.clear()
    rows = checks(remote_site(forge="forgejo", token_env=""), code=0)
    assert [row for row in rows if row["check"] == "forge"] == []
