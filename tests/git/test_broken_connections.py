"""Which failures of git may pass, by what it and ssh say of them."""

from __future__ import annotations

import pytest

from distgen.git.retry import is_temporary
from distgen.git.run import GitResult, clean_lines

CUT = "fatal: Could not read from remote repository.\n\nPlease make sure you have the rights\n"
HOME = "Could not chdir to home directory /home/git: No such file or directory\n"
CLOSED_HOME = "Could not chdir to home directory /home/git: Permission denied\n"
# ssh ends what it says itself as terminals want it.
ADDED = "Warning: Permanently added '[127.0.0.1]:22' (ED25519) to the list of known hosts.\r\n"


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (CUT, True),
        (HOME + CUT, True),
        (ADDED + CUT, True),
        (ADDED + HOME + CUT, True),
        (CLOSED_HOME + CUT, True),
        (f"{CLOSED_HOME}git@example.org: Permission denied (publickey).\r\n{CUT}", False),
        (f"git@example.org: Permission denied (publickey).\n{CUT}", False),
        (f"{ADDED}git@example.org: Permission denied (publickey).\n{CUT}", False),
        (f"{HOME}Host key verification failed.\n{CUT}", False),
        (f"{HOME}fatal: '/srv/none.git' does not appear to be a git repository\n{CUT}", False),
        ("fatal: unable to access 'https://example.org/': Recv failure: reset by peer\n", True),
        ("fatal: unable to access 'https://example.org/': returned error: 403\n", False),
    ],
)
def test_a_connection_that_ends_without_a_reason_may_come_again(error, expected):
    cleaned = clean_lines(error.encode())
    assert is_temporary(GitResult(128, b"", cleaned)) is expected
    assert not is_temporary(GitResult(0, b"", cleaned))
