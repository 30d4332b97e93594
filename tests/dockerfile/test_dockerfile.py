"""Dockerfiles are read as BuildKit reads them, and their packages are found."""

from __future__ import annotations

import gc
import os
import signal
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress

import dockerfile
import pytest
from testing.images import dedent

from distgen.dockerfile import library
from distgen.dockerfile.packages import (
    Operation,
    remaining_installs,
    script_operations,
    split_commands,
)
from distgen.dockerfile.parse import (
    Mount,
    Problem,
    copy_sources,
    installed_packages,
    key_values,
    mounts,
    package_operations,
    package_versions,
    parse,
    run_script,
    start_words,
)

MULTI_STAGE = """\
# syntax=docker/dockerfile:1
ARG IGNORED=1
FROM quay.io/opendevorg/python-builder:3.11 AS builder
COPY . /tmp/src
RUN assemble

FROM quay.io/opendevorg/python-base:3.11 AS nodepool
COPY --from=builder --chown=1:1 ["/output dir/", "/output"]
RUN --mount=type=bind,from=builder,src=/a,dst=/b --mount=type=cache,target=/c \\
    # a comment between
    /output/install-from-bindep && \\
    rm -rf /output
copy <<one <<-"two" /etc/
first
one
\tsecond
\ttwo

FROM nodepool
ONBUILD COPY --chown=2 conf /etc/
CMD ["nodepool", "-d"]
"""


def test_instructions_carry_words_flags_and_lines():
    read = parse(MULTI_STAGE)
    assert [(i.cmd, i.line, i.end_line) for i in read.instructions] == [
        ("ARG", 2, 2),
        ("FROM", 3, 3),
        ("COPY", 4, 4),
        ("RUN", 5, 5),
        ("FROM", 7, 7),
        ("COPY", 8, 8),
        ("RUN", 9, 12),
        ("COPY", 13, 17),
        ("FROM", 19, 19),
        ("ONBUILD", 20, 20),
        ("CMD", 21, 21),
    ]
    copy, run, heredoc = read.instructions[5:8]
    assert (copy.flag("from"), copy.flag("chown"), copy.flag("link")) == ("builder", "1:1", None)
    assert (copy.json, copy_sources(copy)) == (True, ("/output dir/",))
    assert mounts(run) == (
        Mount("bind", "builder", "/a", "/b"),
        Mount("cache", "", "", "/c"),
    )
    assert read.find_line("rm -rf", run) == 12
    assert copy_sources(heredoc) == ()
    assert [(h.name, h.content) for h in heredoc.heredocs] == [
        ("one", "first\n"),
        ("two", "\tsecond\n"),
    ]
    trigger = read.instructions[9].trigger
    assert trigger is not None
    assert (trigger.cmd, trigger.line, trigger.flag("chown"), copy_sources(trigger)) == (
        "COPY", 20, "2", ("conf",),
    )  # fmt: skip
    assert read.problems == ()


def test_stages_know_what_they_build_on():
    read = parse(MULTI_STAGE)
    assert [(s.index, s.name, s.base, s.line, s.parent) for s in read.stages] == [
        (0, "builder", "quay.io/opendevorg/python-builder:3.11", 3, None),
        (1, "nodepool", "quay.io/opendevorg/python-base:3.11", 7, None),
        (2, "", "nodepool", 19, 1),
    ]
    assert [stage.index for stage in read.lineage] == [2, 1]
    assert read.triggers == (read.instructions[9].trigger,)
    assert read.stage("Builder", 1) is read.stages[0]
    assert read.stage("0", 1) is read.stages[0]
    assert read.stage("nodepool", 1) is None
    assert read.stage("7", 3) is None
    assert read.stage("", 3) is None


def test_the_escape_directive_is_honoured():
    read = parse("# escape=`\nFROM a:1\nRUN one `\n  two\n")
    assert (read.instructions[1].value, read.instructions[1].end_line) == (("one   two",), 4)


@pytest.mark.parametrize(
    ("text", "line", "message"),
    [
        ("", 1, "file with no instructions"),
        ("# only a comment\n", 1, "file with no instructions"),
        ("FROM a:1\nFOO bar\n", 2, "unknown instruction FOO"),
        ("FROM a:1\n\\\n", 2, "unknown instruction \\"),
        ("FROM a:1\nRUN b\n  c d\n  e f\n", 3, "unknown instruction C"),
        ("RUN a\nFROM b:1\n", 1, "RUN is before the first FROM"),
        ("ARG a\n", 1, "there is no FROM"),
        ("FROM a:1\nRUN\n", 2, "RUN needs an argument"),
        ("FROM\n", 1, "FROM needs an argument"),
        ("FROM a b c\n", 1, "FROM takes IMAGE or IMAGE AS NAME, not a b c"),
        ("FROM a AS\n", 1, "FROM takes IMAGE or IMAGE AS NAME, not a AS"),
        ("FROM a:1\nCOPY --from=b c\n", 2, "COPY needs a source and a destination"),
        ("FROM a:1\nONBUILD FROM b\n", 2, "ONBUILD cannot hold FROM"),
        ("FROM a:1\nONBUILD COPY b\n", 2, "COPY needs a source and a destination"),
        ("FROM a:1\nONBUILD\n", 2, "ONBUILD needs an argument"),
        ("FROM a:1\nRUN b\nENV c\nRUN d\n", 3, "ENV must have two arguments"),
        ("FROM a:1\nRUN <<A\nb\nA\nENV c\nRUN <<B\nd\nB\n", 5, "ENV must have two arguments"),
        ("FROM a:1\nRUN <<A\nb\nA\nRUN <<B\nc\n", 5, "unterminated heredoc"),
        ("FROM a:1\n" + "RUN <<A\n" * 200, 2, "unterminated heredoc"),
        (
            "FROM a:1\nENV a=b \\\n  c\n",
            3,
            'Syntax error - can\'t find = in "c". Must be of the form: name=value',
        ),
    ],
)
def test_what_no_builder_would_read_is_a_problem_with_its_line(text, line, message):
    assert parse(text).problems == (Problem(line, message),)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("LABEL a=b \"c d\"='e f' g=h\\ i", (("a", "b"), ("c d", "e f"), ("g", "h i"))),
        ("ENV name some words", (("name", "some words"),)),
        ("ENV quote=it\\'s empty=", (("quote", "it's"), ("empty", ""))),
        (r'LABEL a="\$b \" \\ \n" c=\$d', (("a", r'$b " \ \n'), ("c", "$d"))),
        (r"""LABEL a='\$b "'"c'd"\x""", (("a", r"""\$b "c'dx"""),)),
        ("LABEL a='open", (("a", "'open"),)),
    ],
)
def test_labels_and_environment_are_pairs_without_quotes(text, expected):
    assert key_values(parse(f"FROM a:1\n{text}\n").instructions[1]) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ('ENTRYPOINT ["/usr/bin/dumb-init", "--"]', ("/usr/bin/dumb-init", "--")),
        ("ENTRYPOINT exec /sbin/tini -- /start.sh", ("/sbin/tini", "--", "/start.sh")),
        ("CMD a b && c", ("a", "b")),
        ("CMD []", ()),
    ],
)
def test_the_words_of_a_process(text, expected):
    assert start_words(parse(f"FROM a:1\n{text}\n").instructions[1]) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("RUN <<EOF\na\nb\nEOF", "a\nb\n"),
        ("RUN bash -e <<'EOF'\na\nEOF", "a\n"),
        ("RUN python3 - <<EOF\nimport os\nEOF", "python3 -"),
        ('RUN ["sh", "-c", "a && b"]', "sh -c 'a && b'"),
    ],
)
def test_the_script_of_a_run(text, expected):
    assert run_script(parse(f"FROM a:1\n{text}\n").instructions[1]) == expected


def install(manager: str, *names: str, virtual: str = "") -> Operation:
    return Operation(manager, "install", names, virtual)


def remove(manager: str, *names: str) -> Operation:
    return Operation(manager, "remove", names)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (
            "apt-get update && DEBIAN_FRONTEND=noninteractive apt-get install -y"
            " --no-install-recommends -t bookworm-backports gnupg2=2.2 g++ 'curl' libx/stable"
            " >/dev/null 2>&1 && rm -rf /var/lib/apt/lists/*",
            (install("apt", "gnupg2", "g++", "curl", "libx"),),
        ),
        (
            "apk add --no-cache --virtual .build-deps gcc musl-dev\n"
            "pip install --no-cache-dir -c https://x/y -r req.txt 'a[b]>=1,<2' c==1 . ./d e.whl\n"
            "apk del .build-deps",
            (
                install("apk", "gcc", "musl-dev", virtual=".build-deps"),
                install("pip", "a", "c"),
                remove("apk", ".build-deps"),
            ),
        ),
        ("apk add -t .b make~=4 pkg@edge", (install("apk", "make", "pkg", virtual=".b"),)),
        ("apk add --virtual=.b make", (install("apk", "make", virtual=".b"),)),
        (
            "deps='gcc make' ; apt-get install $deps ${deps} && apt-get purge --auto-remove $deps",
            (
                install("apt", "gcc", "make", "gcc", "make"),
                remove("apt", "gcc", "make"),
            ),
        ),
        (
            "apt-mark auto '.*' > /dev/null; apt-get purge -y --auto-remove -o APT::A=false",
            (remove("apt", "*"),),
        ),
        (
            "if [ -e /x ]; then yum -y install a b-devel; fi; (dnf remove -y b-devel)",
            (install("rpm", "a", "b-devel"), remove("rpm", "b-devel")),
        ),
        ("microdnf install --nodocs a https://x/y-1.rpm", (install("rpm", "a", "y-1.rpm"),)),
        (
            "bash -ec 'apt-get install z' && python3 -m pip install -U wheel && uv pip install u",
            (install("apt", "z"), install("pip", "wheel"), install("pip", "u")),
        ),
        ("/bin/sh -c 'apt-get install a'", (install("apt", "a"),)),
        ("bash -o pipefail 'apt-get install a'", ()),  # a script of that name
        ("bash --norc 'apt-get install a'", ()),
        ("dash -e 'apt-get install a'", ()),
        ("sh -c", ()),
        ("ssh -c 'apt-get install a'", ()),
        (
            "pip3 install git+https://opendev.org/a/nova@master#egg=nova git+https://x/y.git@1.0",
            (install("pip", "nova", "y"),),
        ),
        ("sudo -E apt-get -y install $(cat list) y `z` # and why", (install("apt", "y"),)),
        ("apt-get install -y \\\n# of old\n a \\\n b", (install("apt", "a", "b"),)),
        ("pip uninstall -y a", (remove("pip", "a"),)),
        ("echo 'apt-get install no' \"&& apk add no\"", ()),
        ("apt-get update", ()),
        ("apt-get", ()),
        ("grep install apt-get pip", ()),
        ("echo \"don't ; apt-get install a", (install("apt", "a"),)),
    ],
)
def test_packages_installed_and_removed_by_a_script(text, expected):
    assert script_operations(text) == expected


def test_a_script_is_split_into_commands():
    assert split_commands("a 'b c' >x 2>&1 | d; e && (f) || g\nh") == (
        ("a", "b c"), ("d",), ("e",), ("f",), ("g",), ("h",),
    )  # fmt: skip


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("apt-get install gcc curl && apt-get purge gcc", (install("apt", "curl"),)),
        ("apt-get purge gcc && apt-get install gcc", (install("apt", "gcc"),)),
        ("apk add --virtual .b gcc && apk del .b", ()),
        ("apt-get install gcc && apk del gcc", (install("apt", "gcc"),)),
        ("apt-get install 'libx-dev' && apt-get purge 'lib*-dev'", ()),
    ],
)
def test_what_a_script_leaves_behind(text, expected):
    assert remaining_installs(script_operations(text)) == expected


def test_packages_of_a_dockerfile_are_sorted_by_manager():
    read = parse(
        dedent(
            """
            FROM a:1 AS one
            RUN apk add b
            ONBUILD RUN pip install p
            FROM a:1
            RUN <<EOF
            set -e
            apk add -U c a  # both
            EOF
            RUN ["apk", "add", "d"]
            CMD apk add no
            """
        )
    )
    assert installed_packages(read.instructions) == {"apk": ("a", "b", "c", "d"), "pip": ("p",)}
    assert package_operations(read.instructions[-1]) == ()


@pytest.mark.parametrize(
    ("script", "versions"),
    [
        ("apt-get install -y git=1:2.3-1 curl", {("apt", "git"): "1:2.3-1", ("apt", "curl"): ""}),
        ("dnf install -y bash-5.1-2.el9 curl", {("rpm", "bash"): "5.1-2.el9", ("rpm", "curl"): ""}),
        ("pip install 'a==1.2' b[x]>=1,<2", {("pip", "a"): "1.2", ("pip", "b"): "[x]"}),
        ("pip install 'b[x]>=1,<2'", {("pip", "b"): "[x]>=1,<2"}),
        ("apk add ca-certificates~=2024", {("apk", "ca-certificates"): "~=2024"}),
        (
            "pip install git+https://example.org/app@v1",
            {("pip", "app"): "git+https://example.org/app@v1"},
        ),
    ],
)
def test_the_version_of_a_package(script, versions):
    assert package_versions(parse(f"FROM a\nRUN {script}\n").instructions) == versions


INTERRUPTED = """
import gc, signal, sys, time
from distgen.dockerfile.library import ParseError, parse_string

parse_string("FROM a\\n")
text = "FROM a\\n" + "RUN echo hi && b\\nCOPY a b\\n" * 2_000 + sys.argv[1]
signal.signal(signal.SIGALRM, signal.default_int_handler)
signal.pthread_sigmask(signal.SIG_BLOCK, map(int, sys.argv[2:]))
signal.setitimer(signal.ITIMER_REAL, 0.01)
end = time.monotonic() + 10
try:
    while time.monotonic() < end:
        try:
            parse_string(text)
        except ParseError:
            break  # whoever reads on may not wait for long
except KeyboardInterrupt:
    print("heard", gc.isenabled() and time.monotonic() < end)
"""


@pytest.mark.parametrize("end", ["", "RUN <<EOF\n"], ids=["readable", "unreadable"])
@pytest.mark.parametrize(
    "blocked",
    [
        # The library went on, and each of its steps added an error: ^C showed 10,000 tracebacks.
        # From Python 3.12 on, a collection of garbage dropped them, and nobody heard of it.
        pytest.param((), id="main-thread"),
        # Before 3.13, Python was not told of a signal that a thread of the library was given.
        pytest.param((signal.SIGALRM,), id="thread-of-the-library"),
    ],
)
def test_a_signal_interrupts_at_once(blocked, end):
    words = [sys.executable, "-c", INTERRUPTED, end, *(str(int(number)) for number in blocked)]
    environ = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    done = subprocess.run(words, check=False, env=environ, capture_output=True, text=True)
    assert (done.stdout, done.stderr) == ("heard True\n", "")


def test_only_the_main_thread_does_without_the_collector(monkeypatch):
    """Two threads that switch it can leave it off; and no signal is for any but the main thread."""
    library.parse_string("FROM a\n")
    parse, seen = dockerfile.parse_string, []

    def parse_and_look(text):
        seen.append(gc.isenabled())
        return parse(text)

    monkeypatch.setattr(dockerfile, "parse_string", parse_and_look)
    for text in ("FROM a\n", "RUN <<EOF\n"):
        with suppress(library.ParseError):
            library.parse_string(text)
        with ThreadPoolExecutor(1) as pool, suppress(library.ParseError):
            pool.submit(library.parse_string, text).result()
    assert seen == [False, True, False, True] and gc.isenabled()
