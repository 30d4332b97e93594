"""What the machine says to git, in its environment and configuration, and what becomes of it."""

import os

import pytest
from testing.dist_git import GIT, commits, edit, git, plans, run_publish
from testing.git_server import Fault, git_server
from testing.images import image, tree
from testing.sites import distgen, site

from distgen.backoff import RetryPolicy
from distgen.errors import InputError
from distgen.git.auth import authorize, token_for
from distgen.git.run import isolate


def published(root, found, **options):
    trees = {found.key: tree(found, {"Dockerfile": "FROM a\n", "a.txt": "one\r\ntwo\n"})}
    (result,) = run_publish(root, [found], trees, **options)
    return result


def here(address):
    return image("ns/app", url=f"{address}/{{namespace}}/{{image}}.git")


@pytest.fixture
def evil(tmp_path):
    """A program that leaves a trace when anybody runs it."""
    program = tmp_path / "evil"
    program.write_text(f'#!/bin/sh\necho "$0 $*" >>{tmp_path}/ran\ncat >/dev/null\nexit 1\n')
    program.chmod(0o755)
    hooks = tmp_path / "template/hooks"
    hooks.mkdir(parents=True)
    for name in ("pre-push", "pre-commit", "commit-msg", "reference-transaction", "update",
                 "pre-receive", "post-receive", "post-update", "prepare-commit-msg",
                 "pre-auto-gc", "proc-receive"):  # fmt: skip
        (hooks / name).symlink_to(program)
    return program


def configuration(evil):
    """Return a configuration that would run programs and change commits at every turn."""
    return f"""\
[core]
    hooksPath = {evil.parent}/template/hooks
    fsmonitor = {evil}
    editor = {evil}
    pager = {evil}
    attributesFile = {evil.parent}/attributes
    autocrlf = true
    alternateRefsCommand = {evil}
[init]
    templateDir = {evil.parent}/template
    defaultBranch = evil
[i18n]
    commitEncoding = latin1
[user]
    name = Eve
    email = eve@example.org
    signingKey = eve
[commit]
    gpgSign = true
[push]
    gpgSign = true
    followTags = true
    pushOption = evil
[gpg]
    program = {evil}
[diff]
    external = {evil}
[filter "evil"]
    clean = {evil}
    smudge = {evil}
    required = true
[uploadpack]
    packObjectsHook = {evil}
[protocol "ext"]
    allow = always
"""


def hostile(evil, elsewhere):
    """Return an environment that names another repository, other people and other programs."""
    return {
        "PATH": os.environ["PATH"],
        "HOME": str(evil.parent / "home"),
        "GIT_DIR": str(elsewhere),
        "GIT_WORK_TREE": str(elsewhere),
        "GIT_INDEX_FILE": str(elsewhere / "index"),
        "GIT_OBJECT_DIRECTORY": str(elsewhere / "objects"),
        "GIT_ALTERNATE_OBJECT_DIRECTORIES": str(elsewhere / "objects"),
        "GIT_NAMESPACE": "evil",
        "GIT_COMMON_DIR": str(elsewhere),
        "GIT_SHALLOW_FILE": str(evil),
        "GIT_CONFIG": str(evil),
        "GIT_CONFIG_PARAMETERS": f"'core.hooksPath'='{evil.parent}/template/hooks'",
        "GIT_TEMPLATE_DIR": str(evil.parent / "template"),
        "GIT_EXTERNAL_DIFF": str(evil),
        "GIT_EDITOR": str(evil),
        "GIT_AUTHOR_NAME": "Eve",
        "GIT_AUTHOR_DATE": "1 +0000",
        "GIT_COMMITTER_EMAIL": "eve@example.org",
        "GIT_COMMITTER_DATE": "1 +0000",
        "GIT_DEFAULT_HASH": "sha256",
        "GIT_ALLOW_PROTOCOL": "ext",
        "GIT_REPLACE_REF_BASE": "refs/heads/",
        "TZ": "Asia/Tokyo",
        "LC_ALL": "de_DE.UTF-8",
    }


@pytest.mark.parametrize("transport", ["folder", "http"])
def test_hooks_templates_and_configuration_of_the_machine_change_nothing(tmp_path, evil, transport):
    home = tmp_path / "home"
    (home / ".config/git").mkdir(parents=True)
    (home / ".gitconfig").write_text(configuration(evil))
    (tmp_path / "attributes").write_text("* filter=evil diff=evil\n")
    (home / ".config/git/attributes").write_text("* filter=evil\n")
    elsewhere = tmp_path / "elsewhere"
    git("init", "-q", "--bare", str(elsewhere))
    before = sorted(path.name for path in elsewhere.rglob("*"))
    known = isolate(hostile(evil, elsewhere))
    quiet = tmp_path / "quiet"
    quiet.mkdir()
    plain = published(quiet, image("ns/app"))
    if transport == "folder":
        result = published(tmp_path, image("ns/app"), git=known)
        where = tmp_path / "dist-git/ns/app.git"
    else:
        with git_server(tmp_path / "srv") as server:
            where = server.repository("ns/app.git")
            result = published(tmp_path, here(server.url), git=known)
    assert (result.status, result.detail, result.commit) == ("created", "", plain.commit)
    assert commits(where) == [plain.commit]
    assert not (tmp_path / "ran").exists()
    assert sorted(path.name for path in elsewhere.rglob("*")) == before


def test_a_server_cannot_lead_to_a_program(tmp_path, evil):
    (tmp_path / ".gitconfig").write_text('[protocol "ext"]\n\tallow = always\n')
    known = isolate({"PATH": os.environ["PATH"], "HOME": str(tmp_path)}, RetryPolicy(attempts=1))
    with git_server(tmp_path / "srv") as server:
        for there in (f"ext::{evil}", f"ext::sh -c {evil}", f"file://{tmp_path}", "ssh://x/y"):
            server.meddle = lambda asked, there=there: Fault(302, {"Location": there})
            result = published(tmp_path, here(server.url), git=known)
            assert result.status == "failed"
            assert "\n" not in result.detail
    assert not (tmp_path / "ran").exists()


@pytest.mark.parametrize("key", ["insteadOf", "pushInsteadOf"])
def test_the_configuration_cannot_turn_an_address_into_a_program(tmp_path, evil, key):
    with git_server(tmp_path / "srv") as server:
        server.repository("ns/app.git")
        (tmp_path / ".gitconfig").write_text(
            f'[url "ext::{evil} "]\n\t{key} = {server.url}/\n[protocol "ext"]\n\tallow = always\n'
        )
        known = isolate(
            {"PATH": os.environ["PATH"], "HOME": str(tmp_path)}, RetryPolicy(attempts=1)
        )
        result = published(tmp_path, here(server.url), git=known)
    assert result.status == "failed"
    assert "transport 'ext' not allowed" in result.detail
    assert not (tmp_path / "ran").exists()


def test_the_configuration_may_say_by_which_way_a_server_is_reached(tmp_path):
    with git_server(tmp_path / "srv") as server:
        server.repository("ns/app.git")
        config = f'[url "{server.url}/"]\n\tinsteadOf = https://git.example.org/\n'
        (tmp_path / ".gitconfig").write_text(config)
        known = isolate({"PATH": os.environ["PATH"], "HOME": str(tmp_path)})
        assert published(tmp_path, here("https://git.example.org"), git=known).status == "created"


def test_a_repository_s_own_hooks_and_rules_hold(tmp_path):
    """They are the server's word, not the machine's."""
    with git_server(tmp_path / "srv") as server:
        server.repository("ns/app.git", receive__denyCurrentBranch="refuse")
        server.hook("ns/app.git", "pre-receive", "#!/bin/sh\necho closed today; exit 1\n")
        result = published(tmp_path, here(server.url), git=GIT)
    assert result.detail == "closed today; [remote rejected] (pre-receive hook declined)"


def test_the_configuration_of_the_folder_one_stands_in_changes_nothing(tmp_path, monkeypatch):
    """Where branches stand was asked at the address that an insteadOf there made, the push not."""
    git("init", "-q", str(tmp_path / "here"))
    monkeypatch.chdir(tmp_path / "here")
    with git_server(tmp_path / "srv") as server, git_server(tmp_path / "other") as other:
        where = server.repository("ns/app.git")
        git("config", f"url.{other.url}/.insteadOf", f"{server.url}/")
        result = published(tmp_path, here(server.url))
        assert (result.status, [result.commit]) == ("created", commits(where))
        assert other.requests == []


def test_a_plan_runs_nothing_of_the_configuration_either(tmp_path, evil):
    """It reads through a store that borrows from another, of which git asks a program the refs."""
    (tmp_path / ".gitconfig").write_text(configuration(evil))
    known = isolate({"PATH": os.environ["PATH"], "HOME": str(tmp_path)})
    with git_server(tmp_path / "srv") as server:
        where = server.repository("ns/app.git")
        found = here(server.url)
        published(tmp_path, found)
        edit(where, {"NOTES": "mine\n"}, tmp_path)
        trees = {found.key: tree(found, {"Dockerfile": "FROM b\n"})}
        (change,) = plans(tmp_path, [found], trees, git=known, store=tmp_path / "store")
    assert change.status == "updated"
    assert not (tmp_path / "ran").exists()


@pytest.mark.parametrize("configured", [True, False])
def test_the_way_to_ssh_that_is_configured_is_taken(tmp_path, configured):
    """It was hidden by a variable that was set lest ssh asks a question."""
    for name in ("ssh", "mine"):
        (tmp_path / name).write_text(f'#!/bin/sh\necho "$0 $*" >>{tmp_path}/ran\nexit 255\n')
        (tmp_path / name).chmod(0o755)
    if configured:
        (tmp_path / ".gitconfig").write_text(f"[core]\n\tsshCommand = {tmp_path}/mine -i key\n")
    given = {"PATH": f"{tmp_path}:{os.environ['PATH']}", "HOME": str(tmp_path)}
    known = isolate(given, RetryPolicy(attempts=1))
    assert published(tmp_path, here("ssh://git.example.org"), git=known).status == "failed"
    words = f"{tmp_path}/mine -i key" if configured else f"{tmp_path}/ssh -o BatchMode=yes"
    assert (tmp_path / "ran").read_text().startswith(words)


@pytest.mark.parametrize("configured", [True, False])
def test_a_dialog_of_the_desktop_is_not_shown(tmp_path, configured):
    """git opened the one that is meant for ssh, and waited for somebody to answer."""
    dialog = tmp_path / "dialog"
    dialog.write_text(f"#!/bin/sh\necho >>{tmp_path}/ran\nexit 1\n")
    dialog.chmod(0o755)
    if configured:
        (tmp_path / ".gitconfig").write_text(f"[core]\n\taskPass = {dialog}\n")
    given = {"PATH": os.environ["PATH"], "HOME": str(tmp_path)}
    known = isolate(given if configured else {**given, "SSH_ASKPASS": str(dialog)})
    with git_server(tmp_path / "srv", {"bot": "secret"}) as server:
        result = published(tmp_path, here(server.url), git=known)
    assert "could not read Username" in result.detail
    assert (tmp_path / "ran").exists() == configured


def test_a_repository_cannot_make_its_reader_run_a_program(tmp_path, evil):
    """git fetched what was missing in it, by the program that its own configuration named."""
    found = image("ns/app")
    published(tmp_path, found)
    where = tmp_path / "dist-git/ns/app.git"
    edit(where, {"Dockerfile": "FROM mine\n"}, tmp_path)
    blob = git("rev-parse", "master:Dockerfile", folder=where).strip()
    (where / "objects" / blob[:2] / blob[2:]).unlink()
    for key, value in {
        "core.repositoryFormatVersion": "1",
        "extensions.partialClone": "elsewhere",
        "remote.elsewhere.promisor": "true",
        "remote.elsewhere.url": str(where),
        "remote.elsewhere.uploadPack": str(evil),
    }.items():
        git("config", key, value, folder=where)
    trees = {found.key: tree(found, {"Dockerfile": "FROM b\n"})}
    (change,) = plans(tmp_path, [found], trees)
    assert change.detail == f"{where}: file {blob} is not there"
    assert not (tmp_path / "ran").exists()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give files away")
def test_a_catalogue_of_somebody_else_is_read_by_those_who_say_so(catalogue, tmp_path):
    """What git told them to configure was not looked at."""
    root = site(catalogue, "base")
    for path in (root, root / ".git"):
        os.chown(path, 65534, 65534)
    done = distgen(root, "publish", "--dry-run")
    assert f"allow it with `git config --global --add safe.directory {root}`" in done.err
    git("config", "--file", str(tmp_path / "home/.gitconfig"), "safe.directory", str(root))
    assert distgen(root, "publish", "--dry-run").code == 0


def test_a_count_of_settings_that_is_none_is_told(tmp_path):
    known = isolate({"PATH": os.environ["PATH"], "GIT_CONFIG_COUNT": "many"})
    with pytest.raises(InputError, match="GIT_CONFIG_COUNT is 'many'; it must be a number"):
        authorize(known, [token_for("https://host/", "bot", "secret")])


@pytest.mark.parametrize(
    "words",
    [
        ["--help"],
        ["--version"],
        ["publish", "--help"],
        ["adopt", "--help"],
        ["no-such-command"],
        ["list"],
        ["show"],
        ["graph"],
        ["render", "-o", "out"],
    ],
    ids=" ".join,
)
@pytest.mark.parametrize("columns", [{}, {"COLUMNS": "100"}], ids=["shipped help", "own width"])
def test_a_command_that_needs_no_git_starts_none(catalogue, tmp_path, words, columns):
    """`distgen list` and `--help` started git twice: GitPython asks its version when imported."""
    root = site(catalogue, "base")
    programs = tmp_path / "programs"
    programs.mkdir()
    (programs / "git").write_text(f"#!/bin/sh\necho $* >>{tmp_path}/ran\nexit 1\n")
    (programs / "git").chmod(0o755)
    words = [str(tmp_path / word) if word == "out" else word for word in words]
    done = distgen(root, *words, PATH=f"{programs}:{os.environ['PATH']}", **columns)
    assert done.code == (2 if words == ["no-such-command"] else 0), done.err
    assert not (tmp_path / "ran").exists()
