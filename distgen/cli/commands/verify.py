"""`distgen verify`: prove that published commits are what the catalogue gives."""

from __future__ import annotations

import re
import sys
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click

from distgen.catalogue.checkout import find_repository
from distgen.cli.remote_options import RemoteOptions, remote_options
from distgen.cli.results import diff_lines
from distgen.cli.session import NO_CACHE_VARIABLE, Choice, Session, format_option
from distgen.cli.tables import align_texts
from distgen.cli.tokens import add_tokens
from distgen.errors import InputError, printable
from distgen.git.location import locate
from distgen.model.catalogue import Catalogue
from distgen.verify.report import format_report
from distgen.verify.run import CommitAddress, SignatureRule, VerifyRequest, verify
from distgen.verify.verdict import VERDICT_STATUSES, Verdict, VerdictStatus
from distgen.verify.worker_pool import WorkerPool
from distgen.verify.worker_process import WorkerCommand

_COMMIT = re.compile(r"(.+)@([0-9a-f]{7,40})")
_URL = re.compile(r"[/.]|[^/@\s]+@[^/:\s]+:|[^/@:\s]+:|.*\.git(?:[#@]|$)")
COLORS: dict[VerdictStatus, str] = {"reproduced": "green", "edited downstream": "yellow"}


@click.command()
@click.argument("subjects", metavar="[URL|IMAGE]...", nargs=-1)
@click.option("--with-parents", is_flag=True, help="And every image these are built on.")
@click.option("--with-dependents", is_flag=True, help="And every image built on these.")
@format_option("text", "json")
@click.option("--require-signature", is_flag=True, help="Accept signed commits only.")
@click.option(
    "--allowed-signers",
    metavar="FILE",
    type=click.Path(path_type=Path, dir_okay=False, exists=True),
    help="Whose signatures count, as ssh-keygen reads it; else git's configuration says.",
)
@remote_options
@click.pass_context
def command(ctx: click.Context, /, form: str, remote: RemoteOptions, **wishes: Any) -> None:
    """Prove that published commits are what the catalogue gives that they name.

    A URL may end in #BRANCH, #REF or @COMMIT. The catalogue must be in a git repository with its
    history; --timeout holds for reading and rendering a state of it, too.
    """
    session: Session = ctx.obj
    whole = session.catalogue()
    request = claims_to_prove(whole, remote.jobs, **wishes)
    git = remote.git(session)
    worker = WorkerCommand(worker_command(), worker_environ(session), remote.timeout)
    network = add_tokens(session, git, whole, request.images or whole.images)
    keys = tuple(image.key for image in request.images)
    with WorkerPool(find_repository(git, Path(whole.root), whole.inputs), worker, keys) as workers:
        verdicts = tuple(verify(network, workers, request, remote.folder(session)))
    click.echo(format_report(verdicts) if form == "json" else as_text(verdicts))
    counts = Counter(verdict.status for verdict in verdicts)
    session.say(
        ", ".join(f"{counts[status]} {status}" for status in VERDICT_STATUSES if counts[status])
    )
    ctx.exit(int(any(verdict.status != "reproduced" for verdict in verdicts)))


def claims_to_prove(
    whole: Catalogue,
    jobs: int,
    subjects: tuple[str, ...],
    require_signature: bool,
    allowed_signers: Path | None,
    **more: bool,
) -> VerifyRequest:
    """Return what the command line asks for: no image and no URL means all images."""
    urls = [text for text in subjects if _URL.match(text)]
    choice = Choice(tuple(text for text in subjects if text not in urls), **more)
    signed = require_signature or allowed_signers is not None
    return VerifyRequest(
        catalogue=whole,
        images=choice.of(whole) if choice.patterns or not urls else (),
        addresses=tuple(map(address, urls)),
        signature_rule=SignatureRule(allowed_signers, require_signature) if signed else None,
        jobs=jobs,
    )


def worker_environ(session: Session) -> dict[str, str]:
    """Return the environment of the worker, which has no command line to take options from."""
    environ = {key: value for key, value in session.environ.items() if key != NO_CACHE_VARIABLE}
    return environ if session.use_cache else {**environ, NO_CACHE_VARIABLE: "1"}


def worker_command() -> tuple[str, ...]:
    """Return the command of the worker, which must import nothing from the present folder."""
    start = (
        "import sys; sys.path[:] = sys.argv[1:]; from distgen.cli.verify_worker import main; main()"
    )
    return (
        sys.executable,
        "-I",
        "-c",
        start,
        *(path for path in sys.path if Path(path).is_absolute()),
    )


def address(text: str) -> CommitAddress:
    """Take a URL, URL#BRANCH or URL@COMMIT apart; relative paths start at the present folder."""
    url, sharp, branch = text.partition("#")
    if sharp and not branch:
        raise InputError(f"{text} names no branch", hint="write the branch behind the #")
    commit = ""
    if not sharp and (commit_match := _COMMIT.fullmatch(text)):
        url, commit = commit_match.groups()
    return CommitAddress(locate(url, Path.cwd()), branch, commit)


def as_text(verdicts: Sequence[Verdict]) -> str:
    """Return one line for each verdict; edits follow theirs."""
    rows = [(verdict.status, format_name(verdict), format_verdict(verdict)) for verdict in verdicts]
    text = []
    for verdict, line in zip(verdicts, align_texts(rows), strict=True):
        color = COLORS.get(verdict.status, "red")
        text.append(click.style(verdict.status, fg=color) + line[len(verdict.status) :])
        command = f"distgen verify {format_name(verdict)} --format json"
        text += [f"    {line}" for line in diff_lines(verdict.edits, command)]
    return "\n".join(text)


def format_name(verdict: Verdict) -> str:
    """Return what a line calls its subject: the image, or where it was found."""
    return printable(verdict.key if verdict.image else verdict.url)


def format_verdict(verdict: Verdict) -> str:
    """Return what a line says behind the image: the commit, and why."""
    own_files = ""
    if verdict.unmanaged and verdict.status == "reproduced":
        count = len(verdict.unmanaged)
        own_files = f"with {count} file{'s' * (count > 1)} of its own"
    signed = f"signed by {verdict.signer}" if verdict.signature == "good" else ""
    detail = "; ".join(filter(None, (verdict.detail, own_files, signed)))
    return printable(f"{(verdict.commit or '')[:12]}  {detail}".strip())
