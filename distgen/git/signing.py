"""Sign commits with ssh or gpg as git's configuration says, and check signatures with git.

git's own formats: https://git-scm.com/docs/git-config (gpg.*, user.signingKey). A signature covers
the commit without its signature. git cannot make it: a planned commit is in no repository yet.
"""

from __future__ import annotations

import re
import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from distgen.errors import DistgenError, InputError
from distgen.git.run import Git, explain, hide_secrets, read_user_setting, run
from distgen.git.temporary import scratch_folder

SigningMethod = Literal["ssh", "gpg"]
Sign = Callable[[bytes], str]
_TIMEOUT = 120  # seconds, in which a user may have to type a passphrase
_LITERAL_KEY = ("key::", "ssh-", "ecdsa-", "sk-")
_GOOD = ("G", "U")
_SIGNERS_FILE_LINE = re.compile(r".+:\d+: ")
_UNKNOWN_SIGNER = "No principal matched."
_EXPLANATIONS = {
    _UNKNOWN_SIGNER: "its signer is not one of the allowed signers",
    "Could not verify signature.": "its key was revoked, or it signs other content",
}


@dataclass(frozen=True, slots=True)
class Signature:
    """The state of a commit's signature; `signer` is the name that git shows for the key."""

    state: Literal["good", "bad", "none"]
    signer: str = ""
    why: str = ""


def make_signer(git: Git, root: Path, method: SigningMethod, key: str = "") -> Sign:
    """Return the function that signs commits; `key` replaces `user.signingkey` of git.

    The configuration is the user's, and that of the repository that contains `root`.
    """
    key = key or read_user_setting(git, root, "user.signingkey")
    if method == "gpg":
        program = read_user_setting(git, root, "gpg.openpgp.program", "gpg.program") or "gpg"
        key = key or _committer(git, root)
        command = [program, "--status-fd=2", "-bsau", key]
        return lambda content: _sign(git, command, content, key)
    program = read_user_setting(git, root, "gpg.ssh.program") or "ssh-keygen"
    key = key or _default_key(git, root)
    if key.startswith(_LITERAL_KEY):
        return lambda content: _sign_with_agent(git, program, key, content)
    path = str(Path(key).expanduser())
    if not Path(path).is_file():
        raise InputError("the key to sign with does not exist", where=path)
    command = [program, "-Y", "sign", "-n", "git", "-f", path]
    return lambda content: _sign(git, command, content, path)


def trust_options(git: Git, root: Path, allowed: Path | None) -> tuple[str, ...]:
    """Return the options of git that name allowed signers and revoked keys.

    They are the user's, and those of the catalogue's repository in `root`; the file `allowed`
    (ssh-keygen(1), ALLOWED SIGNERS) replaces the signers.
    """
    words = ("config", "--null", "--get-regexp", r"^gpg\.")
    output = run(git, "-C", str(root), *words, network=True).output
    lines = output.decode("utf-8", "surrogateescape").split("\0")
    settings = [line.replace("\n", "=", 1) for line in lines if line]
    if allowed:
        settings.append(f"gpg.ssh.allowedSignersFile={allowed.absolute()}")
    return tuple(word for setting in settings for word in ("-c", setting))


def check_signature(
    git: Git, content: bytes, trusted: tuple[str, ...], allowed: Path | None
) -> Signature:
    """Check the signature of a commit object with `trust_options`; with `allowed` only ssh counts.

    git reads the commit in a repository of its own, for the configuration of the repository that
    the commit comes from is not trusted.
    """
    head = content.partition(b"\n\n")[0]
    position = head.find(b"\ngpgsig ")
    if position < 0:
        return Signature("none", why="it is not signed")
    is_ssh = head[position + 8 :].startswith(b"-----BEGIN SSH SIGNATURE")
    if allowed is not None and not is_ssh:
        return Signature("bad", why=f"it is not signed with a key of {allowed}")
    with scratch_folder() as folder:
        words = ("hash-object", "-t", "commit", "-w", "--stdin")
        run(git, "init", "-q", "--bare", "--template=", str(folder))
        write = run(git, *words, folder=folder, stdin=content)
        commit = write.output.decode("ascii").strip()
        words = ("log", "--no-walk", "--no-show-signature", "--format=%G?%n%GS%n%GF", commit)
        log = run(git, *trusted, *words, folder=folder, network=True)
        if write.code or log.code:
            return Signature("bad", why=explain(write if write.code else log))
        verify = run(git, *trusted, "verify-commit", commit, folder=folder, network=True)
    letter, signer, key = [*log.output.decode("utf-8", "replace").split("\n"), "", ""][:3]
    if verify.code == 0 and letter in _GOOD:
        return Signature("good", signer or key)
    return Signature("bad", signer or key, _rejection_reason(verify.error))


def _rejection_reason(error: str) -> str:
    """Return why git rejects a signature: a line about the file of signers, else the last line."""
    # A key that is not for commits was once refused with the line that its signature is good.
    lines = [line for line in error.splitlines() if line.strip() and not line.startswith("Good ")]
    file_lines = (line for line in lines if _SIGNERS_FILE_LINE.match(line))
    reason = next(file_lines, lines[-1] if lines else "")
    return _EXPLANATIONS.get(reason, reason) or _EXPLANATIONS[_UNKNOWN_SIGNER]


def _committer(git: Git, root: Path) -> str:
    """Return the user that gpg looks for where no key is named, as git does."""
    result = run(git, "-C", str(root), "var", "GIT_COMMITTER_IDENT", network=True)
    person = result.output.decode("utf-8", "replace").rpartition(">")[0]
    if result.code or not person:
        raise _no_key_error("gpg")
    return f"{person}>"


def _default_key(git: Git, root: Path) -> str:
    command = read_user_setting(git, root, "gpg.ssh.defaultKeyCommand")
    if not command:
        raise _no_key_error("ssh")
    process = _run_program(git, ["sh", "-c", command], b"")
    keys = [line for line in process.stdout.decode("utf-8", "replace").splitlines() if line]
    if process.returncode or not keys or not keys[0].startswith(_LITERAL_KEY):
        raise InputError(f"`{command}` (gpg.ssh.defaultKeyCommand) names no key")
    return keys[0]


def _no_key_error(method: SigningMethod) -> InputError:
    return InputError(
        f"there is no key to sign with {method}",
        hint="name one with --signing-key or `git config --global user.signingkey`",
    )


def _sign_with_agent(git: Git, program: str, key: str, content: bytes) -> str:
    """Sign with a key that only ssh-agent has; only its public half is written to a file."""
    with scratch_folder() as folder:
        public = folder / "key.pub"
        public.write_bytes(key.removeprefix("key::").encode("utf-8") + b"\n")
        command = [program, "-Y", "sign", "-n", "git", "-f", str(public), "-U"]
        return _sign(git, command, content, key)


def _sign(git: Git, command: list[str], content: bytes, key: str) -> str:
    process = _run_program(git, command, content)
    signature = process.stdout.decode("ascii", "replace").replace("\r", "")
    if process.returncode or not signature.startswith("-----BEGIN "):
        lines = process.stderr.decode("utf-8", "replace").splitlines()
        messages = [line for line in lines if line.strip(" @") and not line.startswith("[GNUPG:]")]
        reason = messages[-1] if messages else f"{command[0]} ended with code {process.returncode}"
        raise DistgenError(f"nothing can be signed with {key}: {hide_secrets(reason.strip())}")
    return signature


def _run_program(
    git: Git, command: list[str], content: bytes
) -> subprocess.CompletedProcess[bytes]:
    try:
        return subprocess.run(
            command,
            input=content,
            capture_output=True,
            env=git.network,
            timeout=_TIMEOUT,
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise DistgenError(f"{command[0]} gave no signature in time") from None
    except OSError as error:
        raise InputError(f"{command[0]} cannot be started: {error.strerror}") from None
