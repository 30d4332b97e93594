"""Signed commits: as git's own configuration says, the same twice, and checked by git."""

import os
import re
import shutil
import subprocess

import pytest
from testing.downstream import commit, git

pytest_plugins = ["testing.commandline", "testing.downstream"]

if not shutil.which("ssh-keygen"):
    pytest.skip("ssh-keygen is not installed", allow_module_level=True)
WHO = "distgen@localhost"


def keygen(folder, name, kind="ed25519", phrase=""):
    words = ("-q", "-t", kind, "-N", phrase, "-C", WHO, "-f", str(folder / name))
    subprocess.run(["ssh-keygen", *words], check=True)
    return folder / name


def allow(folder, *keys, options='namespaces="git"'):
    path = folder / "allowed"
    lines = [f"{WHO} {options} {key.with_suffix('.pub').read_text()}" for key in keys]
    path.write_text("".join(lines))
    return path


@pytest.fixture
def key(tmp_path):
    return keygen(tmp_path, "key")


@pytest.fixture
def configure_git(tmp_path, monkeypatch):
    """Return a function that sets git's configuration of this person."""
    path = tmp_path / "gitconfig"
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", str(path))

    def configure(**settings):
        for name, value in settings.items():
            git(tmp_path, "config", "--file", str(path), name.replace("_", "."), str(value))

    return configure


def tips(root):
    repositories = sorted((root / "dist-git").glob("*/*.git"))
    return [git(path, "rev-parse", "main").strip() for path in repositories]


def signature(root, allowed, name="small/tool"):
    """Return what git itself says of the signature of a branch: G is good, N is none."""
    options = ("-c", f"gpg.ssh.allowedSignersFile={allowed}")
    repository = root / f"dist-git/{name}.git"
    return git(repository, *options, "log", "-1", "--format=%G? %GS", "main").strip()


def test_commits_are_signed_and_git_accepts_them(small, distgen, key, tmp_path):
    ran = distgen(small, "publish", "--sign", "ssh", "--signing-key", key)
    assert (ran.code, ran.err) == (0, "2 created\n")
    assert signature(small, allow(tmp_path, key)) == f"G {WHO}"
    repository = small / "dist-git/small/tool.git"
    assert git(repository, "fsck", "--strict", "--full") == ""
    printed = [line.split()[2] for line in ran.out.splitlines()]
    assert [tip[:12] for tip in tips(small)] == printed


def test_the_same_commits_are_made_twice_and_foreseen(small, distgen, key, tmp_path):
    words = ("--sign", "ssh", "--signing-key", key)
    foreseen = distgen(small, "publish", "--dry-run", *words)
    assert not (small / "dist-git").exists()
    first = distgen(small, "publish", *words)
    assert first.out == foreseen.out
    first_tips = tips(small)
    shutil.rmtree(small / "dist-git")
    distgen(small, "publish", *words, "--store", tmp_path / "other-store")
    assert tips(small) == first_tips
    shutil.rmtree(small / "dist-git")
    distgen(small, "publish")
    assert tips(small) != first_tips


def test_signed_commits_follow_signed_commits(small, distgen, key, tmp_path):
    words = ("--sign", "ssh", "--signing-key", key)
    distgen(small, "publish", *words)
    before = tips(small)
    assert distgen(small, "publish", *words).err.startswith("nothing changed")
    (small / "templates/app/start").write_text("#!/bin/sh\nexec other\n")
    commit(small)
    distgen(small, "publish", *words)
    allowed = allow(tmp_path, key)
    assert signature(small, allowed) == f"G {WHO}"
    parents = [git(path, "rev-parse", "main^").strip() for path in (small / "dist-git").glob("*/*")]
    assert sorted(parents) == sorted(before)
    ran = distgen(small, "verify", "--require-signature", "--allowed-signers", allowed)
    assert ran.code == 0
    assert all(line.endswith(f"  signed by {WHO}") for line in ran.out.splitlines())


def test_the_configuration_of_git_names_the_key(small, distgen, key, configure_git, tmp_path):
    configure_git(user_signingkey=key)
    distgen(small, "publish", "small/base", "--sign", "ssh")
    assert signature(small, allow(tmp_path, key), "small/base") == f"G {WHO}"


def test_the_configuration_of_the_catalogue_s_repository_counts_too(small, distgen, key, tmp_path):
    git(small, "config", "user.signingkey", str(key))
    distgen(small, "publish", "--sign", "ssh")
    assert signature(small, allow(tmp_path, key)) == f"G {WHO}"


def test_a_key_that_only_the_agent_has(small, distgen, key, configure_git, tmp_path, monkeypatch):
    socket = tmp_path / "agent"
    agent = subprocess.Popen(
        ["ssh-agent", "-D", "-a", str(socket)], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
    )
    try:
        agent.stdout.readline()
        monkeypatch.setenv("SSH_AUTH_SOCK", str(socket))
        subprocess.run(["ssh-add", "-q", str(key)], check=True)
        allowed = allow(tmp_path, key)
        key.unlink()
        public = key.with_suffix(".pub")
        configure_git(user_signingkey=f"key::{public.read_text().strip()}")
        distgen(small, "publish", "small/base", "--sign", "ssh")
        assert signature(small, allowed, "small/base") == f"G {WHO}"
        distgen(small, "publish", "small/tool", "--sign", "ssh", "--signing-key", public)
        assert signature(small, allowed) == f"G {WHO}"
        configure_git(**{"gpg_ssh_defaultKeyCommand": f"cat {public}"})
        git(tmp_path, "config", "--file", str(tmp_path / "gitconfig"), "--unset", "user.signingkey")
        first_tips = tips(small)
        shutil.rmtree(small / "dist-git")
        assert distgen(small, "publish", "--sign", "ssh").code == 0
        assert tips(small) == first_tips
    finally:
        agent.kill()
        agent.wait()


def test_without_a_key_nothing_is_published(small, distgen):
    ran = distgen(small, "publish", "--sign", "ssh")
    assert ran.code == 2
    assert ran.err == (
        "distgen: there is no key to sign with ssh; name one with --signing-key or "
        "`git config --global user.signingkey`\n"
    )
    ran = distgen(small, "publish", "--sign", "ssh", "--signing-key", "/none/key")
    assert ran.code == 2
    assert "/none/key: the key to sign with does not exist" in ran.err
    assert "needs --sign" in distgen(small, "publish", "--signing-key", "x").err
    assert not (small / "dist-git").exists()


@pytest.mark.parametrize("trouble", ["open to others", "no key", "passphrase"])
def test_a_key_that_cannot_sign_is_a_sentence(small, distgen, tmp_path, monkeypatch, trouble):
    monkeypatch.setenv("SSH_ASKPASS", "/bin/false")
    monkeypatch.setenv("SSH_ASKPASS_REQUIRE", "force")
    key = keygen(tmp_path, "key", phrase="secret" if trouble == "passphrase" else "")
    key.with_suffix(".pub").unlink()
    if trouble == "open to others":
        key.chmod(0o644)
    if trouble == "no key":
        key.write_text("nothing\n")
    ran = distgen(small, "publish", "--sign", "ssh", "--signing-key", key)
    assert ran.code == 1
    assert f"nothing can be signed with {key}: " in ran.out
    assert not (small / "dist-git").exists()


# --- verify --------------------------------------------------------------------------------------


def verify_tool(distgen, root, *words):
    ran = distgen(root, "verify", "small/tool", "--format", "json", "--require-signature", *words)
    (row,) = ran.json["results"]
    assert ran.code == int(row["status"] != "reproduced")
    return row


def test_a_good_signature_is_reproduced(small, distgen, key, tmp_path):
    distgen(small, "publish", "--sign", "ssh", "--signing-key", key)
    row = verify_tool(distgen, small, "--allowed-signers", allow(tmp_path, key))
    assert (row["status"], row["exact"]) == ("reproduced", True)
    assert (row["signature"], row["signer"]) == ("good", WHO)


def test_no_signature_is_not_enough(small, distgen, key, tmp_path):
    distgen(small, "publish")
    row = verify_tool(distgen, small, "--allowed-signers", allow(tmp_path, key))
    assert (row["status"], row["signature"]) == ("unsigned", "none")
    assert row["detail"] == "it is not signed"


@pytest.mark.parametrize(
    ("signer_kind", "why"),
    [
        ("stranger", "its signer is not one of the allowed signers"),
        ("expired", "key has expired"),
        ("other namespace", 'key is not permitted for use in signature namespace "git"'),
    ],
)
def test_a_signature_of_a_signer_who_is_not_allowed_is_not_enough(
    small, distgen, key, tmp_path, signer_kind, why
):
    """A key for another namespace was refused with the line that its signature is good."""
    options = {"expired": 'valid-before="20200101"', "other namespace": 'namespaces="file"'}
    signer = keygen(tmp_path, "stranger") if signer_kind == "stranger" else key
    distgen(small, "publish", "--sign", "ssh", "--signing-key", signer)
    allowed = allow(tmp_path, key, options=options.get(signer_kind, 'namespaces="git"'))
    row = verify_tool(distgen, small, "--allowed-signers", allowed)
    assert (row["status"], row["signature"]) == ("unsigned", "bad")
    assert why in row["detail"]


def test_a_signature_that_was_moved_to_another_commit_is_bad(small, distgen, key, tmp_path, cloned):
    distgen(small, "publish", "--sign", "ssh", "--signing-key", key)
    clone = cloned(small)
    text = clone.git("cat-file", "commit", "HEAD")
    moved = text.replace("first publication", "last publication").encode()
    forged = clone.git("hash-object", "-t", "commit", "-w", "--stdin", stdin=moved).strip()
    clone.git("push", "-q", "--force", "origin", f"{forged}:main")
    row = verify_tool(distgen, small, "--allowed-signers", allow(tmp_path, key))
    assert (row["status"], row["signature"], row["exact"]) == ("unsigned", "bad", False)


def test_a_commit_after_a_signed_one_must_be_signed_too(small, distgen, key, tmp_path, cloned):
    distgen(small, "publish", "--sign", "ssh", "--signing-key", key)
    clone = cloned(small)
    clone.write(notes="ours\n")
    clone.commit()
    clone.push()
    allowed = allow(tmp_path, key)
    assert verify_tool(distgen, small, "--allowed-signers", allowed)["status"] == "unsigned"
    sign = ("-c", "gpg.format=ssh", "-c", f"user.signingkey={key}")
    clone.git(*sign, "commit", "-q", "-S", "--amend", "--no-edit")
    clone.push("--force")
    row = verify_tool(distgen, small, "--allowed-signers", allowed)
    assert (row["status"], row["own"]) == ("reproduced", ["notes"])


def test_without_a_file_git_s_configuration_says_who_may_sign(
    small, distgen, key, configure_git, tmp_path
):
    distgen(small, "publish", "--sign", "ssh", "--signing-key", key)
    assert verify_tool(distgen, small)["signature"] == "bad"
    configure_git(**{"gpg_ssh_allowedSignersFile": allow(tmp_path, key)})
    assert verify_tool(distgen, small)["signature"] == "good"


def test_the_configuration_of_the_catalogue_says_it_too(small, distgen, key, tmp_path):
    """It named the key to sign with, but its allowed signers were not read."""
    distgen(small, "publish", "--sign", "ssh", "--signing-key", key)
    git(small, "config", "gpg.ssh.allowedSignersFile", str(allow(tmp_path, key)))
    assert verify_tool(distgen, small)["signature"] == "good"


def test_the_signature_of_a_revoked_key_is_bad(small, distgen, key, configure_git, tmp_path):
    distgen(small, "publish", "--sign", "ssh", "--signing-key", key)
    configure_git(**{"gpg_ssh_revocationFile": key.with_suffix(".pub")})
    row = verify_tool(distgen, small, "--allowed-signers", allow(tmp_path, key))
    assert (row["status"], row["signature"]) == ("unsigned", "bad")
    assert row["detail"] == "its key was revoked, or it signs other content"


def test_a_key_that_expired_later_still_counts(small, distgen, key, tmp_path):
    """The date of a commit is that of the catalogue's, and is when the key must be valid."""
    distgen(small, "publish", "--sign", "ssh", "--signing-key", key)
    allowed = allow(tmp_path, key, options='valid-after="20240101",valid-before="20240601"')
    assert verify_tool(distgen, small, "--allowed-signers", allowed)["signature"] == "good"
    allowed = allow(tmp_path, key, options='valid-after="20240601"')
    assert verify_tool(distgen, small, "--allowed-signers", allowed)["signature"] == "bad"


@pytest.mark.parametrize("on_edit", ["keep", "merge", "overwrite"])
def test_a_commit_after_an_edit_is_signed(small, distgen, key, tmp_path, cloned, on_edit):
    words = ("--sign", "ssh", "--signing-key", key)
    distgen(small, "publish", *words)
    clone = cloned(small)
    clone.replace("start", "exec tool", "exec my-tool")
    clone.commit()
    clone.push()
    (small / "templates/app/settings.ini").write_text("[tool]\n")
    commit(small)
    assert distgen(small, "publish", "--on-edit", on_edit, *words).code == 0
    row = verify_tool(distgen, small, "--allowed-signers", allow(tmp_path, key))
    assert (row["signature"], row["exact"]) == ("good", True)
    edited = on_edit != "overwrite"
    assert row["status"] == ("edited downstream" if edited else "reproduced")


def test_a_retirement_is_signed(small, distgen, key, tmp_path):
    words = ("--sign", "ssh", "--signing-key", key)
    distgen(small, "publish", *words)
    (small / "overlays/small/tool.yaml").unlink()
    commit(small)
    assert distgen(small, "publish", "--retire", *words).code == 0
    options = ("--require-signature", "--allowed-signers", allow(tmp_path, key))
    ran = distgen(small, "verify", f"{small}/dist-git/small/tool.git", *options)
    assert re.search(f"it retires the stream; signed by {WHO}$", ran.out.rstrip())
    assert ran.code == 0


def test_the_repository_has_no_say_in_who_signed_it(small, distgen, key, tmp_path):
    """A dist-git repository that names its own checker, or its own signers, is not asked."""
    stranger = keygen(tmp_path, "stranger")
    distgen(small, "publish", "--sign", "ssh", "--signing-key", stranger)
    evil = tmp_path / "evil"
    evil.write_text(f"#!/bin/sh\ntouch {tmp_path}/ran\nexit 0\n")
    evil.chmod(0o755)
    repository = small / "dist-git/small/tool.git"
    git(repository, "config", "gpg.ssh.program", str(evil))
    git(repository, "config", "gpg.ssh.allowedSignersFile", str(allow(tmp_path, stranger)))
    assert verify_tool(distgen, small)["signature"] == "bad"
    assert not (tmp_path / "ran").exists()


# --- gpg -----------------------------------------------------------------------------------------


@pytest.fixture
def gpg_home(tmp_path, monkeypatch):
    """A keyring with one key, and the end of the agent that gpg starts for it."""
    if not shutil.which("gpg"):
        pytest.skip("gpg is not installed")
    home = tmp_path / "g"
    home.mkdir(mode=0o700)
    monkeypatch.setenv("GNUPGHOME", str(home))
    words = ("--batch", "--quiet", "--passphrase", "", "--quick-gen-key", WHO, "ed25519", "sign")
    process = subprocess.run(["gpg", *words], capture_output=True, check=False)
    if process.returncode:
        pytest.skip(f"gpg makes no key here: {process.stderr.decode()}")
    yield home
    subprocess.run(["gpgconf", "--kill", "all"], check=False, env={**os.environ})


def test_gpg_signs_as_well(small, distgen, gpg_home, tmp_path, key):
    ran = distgen(small, "publish", "--sign", "gpg", "--signing-key", WHO)
    assert ran.code == 0, ran.out
    assert signature(small, "/dev/null").startswith(f"G {WHO}")
    row = verify_tool(distgen, small)
    assert (row["status"], row["signature"], row["exact"]) == ("reproduced", "good", True)
    row = verify_tool(distgen, small, "--allowed-signers", allow(tmp_path, key))
    assert (row["status"], row["signature"]) == ("unsigned", "bad")


def test_gpg_without_the_key_is_a_sentence(small, distgen, gpg_home):
    ran = distgen(small, "publish", "--sign", "gpg", "--signing-key", "nobody@example.org")
    assert ran.code == 1
    assert "nothing can be signed with nobody@example.org: gpg: signing failed" in ran.out
