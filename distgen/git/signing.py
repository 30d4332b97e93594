"""Sign commits with ssh or gpg as git's configuration says, and check signatures through git.

git's own formats: https://git-scm.com/docs/git-config (gpg.*, user.signingKey). What is signed is
the commit without its signature; planned commits exist nowhere yet, so git cannot do it for us.
"""

from __future__ import annotations

import re
import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from distgen.errors import DistgenError, InputError
from distgen.git.run import Git, explain, hide_secrets, run
from distgen.git.temporary import scratch_folder

SigningMethod = Literal["ssh", "gpg"]
Sign = Callable[[bytes], str]
_SECONDS = 120  # a person may have to type a passphrase
_LITERAL = ("key::", "ssh-", "ecdsa-", "sk-")
_GOOD = ("G", "U")
_OF_A_LINE = re.compile(r".+:\d+: ")
_WORDS = {
    "No principal matched.": "whoever signed it is none of the allowed signers",
    "Could not verify signature.": "its key was revoked, or its signature is of something else",
}


@dataclass(frozen=True, slots=True)
class Signature:
    """Whether a commit is signed: good, bad or none; `signer` is who, as git says it."""

    state: Literal["good", "bad", "none"]
    signer: str = ""
    why: str = ""


def make_signer(git: Git, root: Path, kind: SigningMethod, key: str = "") -> Sign:
    """Return the function that signs commits; `key` replaces `user.signingkey` of git.

    The configuration is that of the person and of the repository that `root` lies in.
    """
    chosen = key or _configured(git, root, "user.signingkey")
    if kind == "gpg":
        program = _configured(git, root, "gpg.openpgp.program", "gpg.program") or "gpg"
        chosen = chosen or _committer(git, root)
        command = [program, "--status-fd=2", "-bsau", chosen]
        return lambda content: _signed(git, command, content, chosen)
    program = _configured(git, root, "gpg.ssh.program") or "ssh-keygen"
    chosen = chosen or _default_key(git, root)
    if chosen.startswith(_LITERAL):
        return lambda content: _signed_by_agent(git, program, chosen, content)
    path = str(Path(chosen).expanduser())
    if not Path(path).is_file():
        raise InputError("the key to sign with is not there", where=path)
    command = [program, "-Y", "sign", "-n", "git", "-f", path]
    return lambda content: _signed(git, command, content, path)


def trust_options(git: Git, root: Path, allowed: Path | None) -> tuple[str, ...]:
    """Return the options of git that say whose signatures count, and which keys were revoked.

    They are those of the person and of the catalogue's repository in `root`; `allowed`
    (ssh-keygen(1), ALLOWED SIGNERS) replaces the signers.
    """
    words = ("config", "--null", "--get-regexp", r"^gpg\.")
    said = run(git, "-C", str(root), *words, network=True).output.decode("utf-8", "surrogateescape")
    found = [one.replace("\n", "=", 1) for one in said.split("\0") if one]
    if allowed:
        found.append(f"gpg.ssh.allowedSignersFile={allowed.absolute()}")
    return tuple(word for one in found for word in ("-c", one))


def check_signature(
    git: Git, content: bytes, trusted: tuple[str, ...], allowed: Path | None
) -> Signature:
    """Check the signature of a commit object, as `trust` says; with `allowed` those of ssh only.

    The commit is looked at in a repository of its own, for the configuration of the one that it
    comes from is not to be trusted.
    """
    head = content.partition(b"\n\n")[0]
    at = head.find(b"\ngpgsig ")
    if at < 0:
        return Signature("none", why="it is not signed")
    is_ssh = head[at + 8 :].startswith(b"-----BEGIN SSH SIGNATURE")
    if allowed is not None and not is_ssh:
        return Signature("bad", why=f"it is not signed with a key of {allowed}")
    with scratch_folder() as folder:
        words = ("hash-object", "-t", "commit", "-w", "--stdin")
        run(git, "init", "-q", "--bare", "--template=", str(folder))
        written = run(git, *words, folder=folder, stdin=content)
        commit = written.output.decode("ascii").strip()
        shown = ("log", "--no-walk", "--no-show-signature", "--format=%G?%n%GS%n%GF", commit)
        done = run(git, *trusted, *shown, folder=folder, network=True)
        if written.code or done.code:
            return Signature("bad", why=explain(written if written.code else done))
        verified = run(git, *trusted, "verify-commit", commit, folder=folder, network=True)
    letter, signer, key = [*done.output.decode("utf-8", "replace").split("\n"), "", ""][:3]
    if verified.code == 0 and letter in _GOOD:
        return Signature("good", signer or key)
    return Signature("bad", signer or key, _reason(verified.error))


def _reason(said: str) -> str:
    """Return why git accepts no signature: what the file of signers says, else its last word."""
    lines = [line for line in said.splitlines() if line.strip() and not line.startswith("Good ")]
    why = next((line for line in lines if _OF_A_LINE.match(line)), lines[-1] if lines else "")
    return _WORDS.get(why, why) or _WORDS["No principal matched."]


def _configured(git: Git, root: Path, *names: str) -> str:
    for name in names:
        found = run(git, "-C", str(root), "config", "--get", name, network=True)
        if found.code == 0:
            return found.output.decode("utf-8", "surrogateescape").strip()
    return ""


def _committer(git: Git, root: Path) -> str:
    """Return whose key gpg is to look for where none is named, as git does."""
    found = run(git, "-C", str(root), "var", "GIT_COMMITTER_IDENT", network=True)
    who = found.output.decode("utf-8", "replace").rpartition(">")[0]
    if found.code or not who:
        raise _no_key("gpg")
    return f"{who}>"


def _default_key(git: Git, root: Path) -> str:
    command = _configured(git, root, "gpg.ssh.defaultKeyCommand")
    if not command:
        raise _no_key("ssh")
    done = _ran(git, ["sh", "-c", command], b"")
    keys = [line for line in done.stdout.decode("utf-8", "replace").splitlines() if line]
    if done.returncode or not keys or not keys[0].startswith(_LITERAL):
        raise InputError(f"`{command}` (gpg.ssh.defaultKeyCommand) names no key")
    return keys[0]


def _no_key(kind: SigningMethod) -> InputError:
    return InputError(
        f"there is no key to sign with {kind}",
        hint="name one with --signing-key or `git config --global user.signingkey`",
    )


def _signed_by_agent(git: Git, program: str, key: str, content: bytes) -> str:
    """Sign with a key that only ssh-agent has; its public half is all that is written."""
    with scratch_folder() as folder:
        public = folder / "key.pub"
        public.write_bytes(key.removeprefix("key::").encode("utf-8") + b"\n")
        command = [program, "-Y", "sign", "-n", "git", "-f", str(public), "-U"]
        return _signed(git, command, content, key)


def _signed(git: Git, command: list[str], content: bytes, key: str) -> str:
    done = _ran(git, command, content)
    signature = done.stdout.decode("ascii", "replace").replace("\r", "")
    if done.returncode or not signature.startswith("-----BEGIN "):
        said = done.stderr.decode("utf-8", "replace").splitlines()
        words = [line for line in said if line.strip(" @") and not line.startswith("[GNUPG:]")]
        why = words[-1] if words else f"{command[0]} ended with code {done.returncode}"
        raise DistgenError(f"nothing can be signed with {key}: {hide_secrets(why.strip())}")
    return signature


def _ran(git: Git, command: list[str], content: bytes) -> subprocess.CompletedProcess[bytes]:
    try:
        return subprocess.run(
            command,
            input=content,
            capture_output=True,
            env=git.network,
            timeout=_SECONDS,
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise DistgenError(f"{command[0]} gave no signature in time") from None
    except OSError as error:
        raise InputError(f"{command[0]} cannot be started: {error.strerror}") from None
