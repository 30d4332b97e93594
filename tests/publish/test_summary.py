"""The subject and lines a reviewer reads are about what changed, not about which file."""

import pytest

from distgen.model.published import Manifest
from distgen.publish.summary import summarize, summarize_first

OLD, NEW = "sha256:" + "a" * 64, "sha256:" + "b" * 64
BASE = "docker.io/library/python:3.11-slim"
DOCKERFILE = f"""\
FROM {BASE}@{OLD}
ENV LANG=C.UTF-8
RUN apt-get update && apt-get install -y curl git \\
    && rm -rf /var/lib/apt/lists/*
CMD ["app"]
"""


def manifest(bases=(), sources=()):
    return Manifest("ns/app", "master", {}, dict(bases), dict(sources))


def source(commit):
    return {"git": "https://example.org/app", "ref": "main", "commit": commit}


def summary(before, after, old=None, new=None):
    """Summarise a change of the Dockerfile alone."""
    texts = ({"Dockerfile": text.encode()} for text in (before, after))
    return summarize("ns/app", old or manifest(), new or manifest(), *texts)


def test_base_and_packages():
    after = DOCKERFILE.replace(OLD, NEW).replace("curl git", "curl git gnupg2 jq")
    summary_of_change = summary(DOCKERFILE, after, manifest({BASE: OLD}), manifest({BASE: NEW}))
    assert summary_of_change.subject == "ns/app: base image updated, 2 packages added"
    assert summary_of_change.lines == (
        f"base image {BASE}: sha256:{'a' * 12} -> sha256:{'b' * 12}",
        "apt package added: gnupg2",
        "apt package added: jq",
    )


@pytest.mark.parametrize("name", [BASE, "docker.io/library/python:3.12"])
def test_a_base_that_lost_its_digest_is_said_first(name):
    after = DOCKERFILE.replace(f"{BASE}@{OLD}", name).replace("curl git", "curl git jq")
    summary_of_change = summary(DOCKERFILE, after, manifest({BASE: OLD}), manifest({name: None}))
    was = f"{'' if name == BASE else f'{BASE}@'}sha256:{'a' * 12}"
    assert summary_of_change.subject.startswith("ns/app: base image no longer pinned, ")
    assert summary_of_change.lines[0] == f"base image no longer pinned: {name} (was {was})"
    assert summary_of_change.lines[-1] == "apt package added: jq"
    assert [statement.kind for statement in summary_of_change.statements] == [
        "lost pin", *(["base"] if name != BASE else []), "packages"]  # fmt: skip
    assert summary_of_change.statements[0].level == "warning"


def test_a_lost_pin_is_in_the_subject_however_long_the_name():
    name = "functest/" + "long-name-" * 7
    old, new = manifest({BASE: OLD}), manifest({BASE: None})
    texts = ({"Dockerfile": text.encode()} for text in (DOCKERFILE, DOCKERFILE.replace("git", "")))
    assert (
        summarize(name, old, new, *texts).subject == f"{name}: base image no longer pinned, 1 more"
    )


def test_each_of_several_bases_is_compared_with_the_one_of_its_repository():
    go = "docker.io/library/golang"
    old = manifest({BASE: OLD, f"{go}:1.21": OLD})
    new = manifest({BASE.replace("3.11", "3.12"): NEW, f"{go}:1.22": None})
    lines = summary("FROM a\n", "FROM a\n", old, new).lines
    assert lines[:-1] == (
        f"base image no longer pinned: {go}:1.22 (was {go}:1.21@sha256:{'a' * 12})",
        f"base image {go}:1.21 -> {go}:1.22",
        f"base image {BASE} -> docker.io/library/python:3.12-slim",
    )


def test_a_source_that_moved_to_a_bare_ref_is_no_longer_pinned():
    before = DOCKERFILE + f"RUN git clone -b main a && git checkout {'1' * 40}\n"
    after = before.replace("1" * 40, "main")
    old, new = manifest((), {"app": source("1" * 40)}), manifest((), {"app": source(None)})
    summary_of_change = summary(before, after, old, new)
    assert summary_of_change.subject == "ns/app: source app no longer pinned"
    assert summary_of_change.lines == (f"source app no longer pinned: {'1' * 12} -> main",)


def test_a_source_whose_ref_is_a_commit_stays_pinned():
    old = manifest((), {"app": {**source("1" * 40), "ref": "1" * 40}})
    new = manifest((), {"app": {**source(None), "ref": "1" * 40}})
    assert summary("FROM a\n", "FROM a\n#\n", old, new).subject == (
        "ns/app: layout of Dockerfile changed"
    )


def test_a_readme_that_names_another_commit_says_nothing_new():
    text = f"App\n===\nInside is commit {'1' * 40}\nof 2024-01-01.\n"
    old, new = (manifest((), {"app": source(digit * 40)}) for digit in "12")
    newer = text.replace("1" * 40, "2" * 40).replace("2024-01", "2024-02")
    for after, count in ((newer, 1), (newer.replace("App", "An app"), 2)):
        before_and_after = ({"README.rst": content.encode()} for content in (text, after))
        assert len(summarize("ns/app", old, new, *before_and_after).statements) == count


def test_a_source_of_another_place_says_from_where():
    old = manifest((), {"app": source("1" * 40)})
    new = manifest((), {"app": {**source("1" * 40), "git": "https://example.org/fork"}})
    assert summary("FROM a\n", "FROM a\n", old, new).lines[:-1] == (
        f"source app: https://example.org/app at {'1' * 12}"
        f" -> https://example.org/fork at {'1' * 12}",
    )


def test_changes_that_are_merged_into_a_source_are_named_in_their_order():
    """A tree with changes under review differed from a maintained one by `main` alone."""
    first, second = (f"https://review.example.org/app#refs/changes/0{n}/{n}/1" for n in (1, 2))
    plain = manifest((), {"app": source(None)})
    merged = manifest((), {"app": {**source(None), "changes": f"{first} {second}"}})
    merged_summary = summary("FROM a\n", "FROM a\n", plain, merged)
    assert merged_summary.subject.startswith("ns/app: 2 changes merged in")
    lines = (f"merged into source app: {first}", f"merged into source app: {second}")
    assert merged_summary.lines[:2] == lines
    assert summary("FROM a\n", "FROM a\n", merged, plain).lines[0] == (
        "source app without changes merged in"
    )
    assert summarize_first("ns/app", "changes", merged).lines[-2:] == lines


URL = "https://example.org/tool-1.0.tar.gz"
SUM = "d" * 64


@pytest.mark.parametrize(
    ("before", "after", "name"),
    [
        (f"ADD --checksum=sha256:{SUM} {URL} /", f"ADD {URL} /", URL),
        (f"ADD --checksum=sha256:{SUM} {URL} /", f"ADD {URL.replace('1.0', '2.3')} /",
         URL.replace("1.0", "2.3")),
        (f'ARG T_URL="{URL}"\nARG T_SHA="{SUM}"', f'ARG T_URL="{URL}"', URL),
        (f"RUN curl -O {URL} && echo '{SUM}  t' | sha256sum -c", f"RUN curl -O {URL}", URL),
        (f"RUN curl $URL && echo '{SUM}  t' | sha256sum -c", "RUN curl $URL",
         f"checksum {SUM[:12]} is gone"),
    ],
)  # fmt: skip
def test_a_download_without_its_checksum_is_no_longer_pinned(before, after, name):
    summary_of_change = summary(f"FROM a\n{before}\n", f"FROM a\n{after}\n")
    assert summary_of_change.statements[0].kind == "lost pin"
    assert summary_of_change.subject.startswith("ns/app: download no longer pinned")
    assert name in summary_of_change.lines[0]


def test_a_download_that_goes_or_moves_loses_no_pin():
    fetch = f"RUN curl -O {URL} && echo '{SUM}  t' | sha256sum -c"
    newer = fetch.replace("1.0", "1.1").replace(SUM, "e" * 64)
    for before, after in ((fetch, "RUN true"), (fetch, newer), ("RUN true", fetch)):
        statements = summary(f"FROM a\n{before}\n", f"FROM a\n{after}\n").statements
        assert [statement.kind for statement in statements] == ["files"]


LABELS = f"""\
FROM {BASE}@{OLD}
LABEL name="ns/app" \\
      org.opencontainers.image.created="2024-01-01T00:00:00Z" \\
      org.opencontainers.image.version="1.0" \\
      org.opencontainers.image.base.name="{BASE}" \\
      org.opencontainers.image.base.digest="{OLD}"
"""


def test_labels_and_files_that_repeat_what_moved_are_not_said_again():
    name = "docker.io/library/python:3.12-slim"
    readme = f"* Base image: ``{BASE}@{OLD}`` (python:3.1)\n".encode()
    new_text = LABELS.replace(f"{BASE}@{OLD}", name).replace(BASE, name)
    new_text = new_text.replace(f'" \\\n      org.opencontainers.image.base.digest="{OLD}', "")
    new_text = new_text.replace("2024-01", "2024-02")
    before = {"Dockerfile": LABELS.encode(), "README.rst": readme}
    after = {
        "Dockerfile": new_text.encode(),
        "README.rst": readme.replace(f"{BASE}@{OLD}".encode(), name.encode()),
    }
    old = manifest({BASE: OLD}, {"app": source("1" * 40)})
    new = manifest({name: None}, {"app": source("2" * 40)})
    summary_of_change = summarize("ns/app", old, new, before, after)
    assert [statement.phrase for statement in summary_of_change.statements] == [
        "base image no longer pinned", "base image changed", "source app updated"]  # fmt: skip


def test_labels_are_compared_by_key():
    after = LABELS.replace('name="ns/app"', f'name="ns/{"x" * 200}y" ref.name="master"')
    before = LABELS.replace("ns/app", f"ns/{'x' * 200}z")
    assert summary(before, after).lines == (
        f'label name: "...{"x" * 10}z" -> "...{"x" * 10}y"',
        'label ref.name added: "master"',
    )
    assert summary(LABELS, DOCKERFILE.partition("\n")[0] + "\nLABEL name=ns/app\n").lines[-1] == (
        'label org.opencontainers.image.version removed: "1.0"'
    )


STAGES = """\
FROM a AS builder
RUN apt-get install -y curl git=1.0
FROM b
RUN apt-get install -y git && pip install flask==1.0
"""


@pytest.mark.parametrize(
    ("change", "subject", "line"),
    [
        (("git &&", "git curl &&"), "1 package added", "apt package added: curl"),
        (("curl git", "git"), "1 package removed",
         "apt package removed in stage builder: curl"),
        (("git=1.0", "git=1.1"), "1 package version changed",
         "apt package git in stage builder: 1.0 -> 1.1"),
        (("flask==1.0", "flask"), "1 package version changed",
         "pip package flask: 1.0 -> any version"),
        (("git &&", "git jq && rm -rf / &&"), "1 package added, build steps changed",
         "build steps changed"),
        (("FROM a AS", "FROM c AS"), "stages changed", "stage builder: from a -> c"),
        (("FROM b", "FROM c AS extra\nFROM b"), "stages changed", "stage extra added"),
        (("curl git=1.0", "git=1.0 curl"), "build steps changed",
         "build steps changed in stage builder"),
    ],
)  # fmt: skip
def test_stages_are_compared_one_by_one(change, subject, line):
    summary_of_change = summary(STAGES, STAGES.replace(*change))
    assert summary_of_change.subject == f"ns/app: {subject}"
    assert summary_of_change.lines[-1] == line


APT = "RUN apt-get update && apt-get install -y --no-install-recommends {} && apt-get clean"


@pytest.mark.parametrize(
    ("run", "subject"),
    [
        (f"{APT} && rm -rf /var/lib/apt/lists/*", "1 package added"),
        ("RUN DEBIAN_FRONTEND=noninteractive apt-get install -y {}", "1 package added"),
        ("RUN apk add --no-cache {}", "1 package added"),
        ("RUN dnf install -y {} && dnf clean all", "1 package added"),
        ("RUN python3 -m pip install --no-cache-dir {}==1.0", "1 package added"),
        (f"{APT} && rm -rf /srv", "1 package added, build steps changed"),
        ("RUN apt-get install -y {}; curl x", "1 package added, build steps changed"),
        ("RUN apt-get install -y --allow-unauthenticated {}",
         "1 package added, build steps changed"),
        ("RUN pip install --index-url https://x {}", "1 package added, build steps changed"),
        ("RUN --mount=type=cache,target=/c apt-get install -y {}",
         "1 package added, build steps changed"),
        ("RUN apt-get install -y git {}", "1 package added, build steps changed"),
        ("RUN apt-get update", "build steps changed"),
    ],
)  # fmt: skip
def test_a_new_run_that_only_installs_is_its_packages(run, subject):
    after = f"{STAGES}{run.format('jq')}\n"
    assert summary(STAGES, after).subject == f"ns/app: {subject}"
    removed = subject.replace("added", "removed")
    assert summary(after, STAGES).subject == f"ns/app: {removed}"


def test_other_options_of_an_installation_are_said_beside_its_packages():
    before, after = "FROM a\nRUN apt-get install -y jq\n", "FROM a\nRUN apt-get install vim\n"
    subject = "ns/app: 1 package added, 1 package removed, build steps changed"
    assert summary(before, after).subject == subject


def test_an_order_that_changed_is_said_beside_other_changes():
    before = "FROM a\nUSER 1\nRUN b\nLABEL c=d\n"
    after = "FROM a\nRUN b\nUSER 1\nLABEL c=e\n"
    assert summary(before, after).subject == "ns/app: instructions reordered, labels changed"


def test_a_mode_of_the_dockerfile_is_said():
    assert summary(DOCKERFILE, DOCKERFILE).lines == ("changed Dockerfile (mode)",)


def test_a_new_base_alone_is_no_other_change():
    after = DOCKERFILE.replace(f"{BASE}@{OLD}", f"docker.io/library/python:3.12@{NEW}")
    old, new = manifest({BASE: OLD}), manifest({"docker.io/library/python:3.12": NEW})
    summary_of_change = summary(DOCKERFILE, after, old, new)
    assert summary_of_change.subject == "ns/app: base image changed"
    assert summary_of_change.lines == (f"base image {BASE} -> docker.io/library/python:3.12",)


def test_a_source_that_moved_explains_the_steps_that_name_it():
    before = DOCKERFILE + "RUN git checkout " + "1" * 40 + "\n"
    after = before.replace("1" * 40, "2" * 40)
    old, new = (manifest((), {"app": source(digit * 40)}) for digit in "12")
    summary_of_change = summary(before, after, old, new)
    assert summary_of_change.subject == "ns/app: source app updated"
    assert summary_of_change.lines == (f"source app: {'1' * 12} -> {'2' * 12}",)


def test_a_ref_that_moved_is_said_once_where_its_old_name_stands_elsewhere_too():
    before, after = (
        {
            "Dockerfile": f'FROM a\nARG REF="{ref}"\nRUN echo main\nCMD ["main"]\n'.encode(),
            "README.rst": f"The app at {ref}.\nA tag is called main.\n".encode(),
            "start.sh": f"run {ref}\nlog main\n".encode(),
        }
        for ref in ("main", "2.0")
    )
    old, new = (
        manifest((), {"app": {"git": "https://example.org/app", "ref": ref}})
        for ref in ("main", "2.0")
    )
    assert summarize("ns/app", old, new, before, after).lines == ("source app: main -> 2.0",)
    renamed = {path: text.replace(b"main", b"dev") for path, text in after.items()}
    assert summarize("ns/app", old, new, before, renamed).lines == (
        "source app: main -> 2.0",
        'removed: CMD ["main"]',
        'now: CMD ["dev"]',
        "build steps changed",
        "changed start.sh (+2 -2)",
        "changed README.rst (+2 -2)",
    )


@pytest.mark.parametrize(
    ("change", "subject", "lines"),
    [
        (("LANG=C.UTF-8", "LANG=C"), "environment changed",
         ('environment LANG: "C.UTF-8" -> "C"',)),
        (("CMD", "ENV EMPTY=\nCMD"), "environment changed", ('environment EMPTY added: ""',)),
        (('["app"]', '["app", "-v"]'), "command changed",
         ('removed: CMD ["app"]', 'now: CMD ["app", "-v"]')),
        (("curl git", "curl"), "1 package removed", ("apt package removed: git",)),
        (("rm -rf /var/lib/apt/lists/*", "apt-get clean"), "build steps changed",
         ("build steps changed",)),
        (("CMD", "COPY a /a\nCMD"), "copied files changed", ("now: COPY a /a",)),
        (("CMD", "WORKDIR /a\nCMD"), "working folder changed", ("now: WORKDIR /a",)),
        (("CMD", "# A comment\nCMD"), "layout of Dockerfile changed",
         ("Dockerfile: only comments or layout changed",)),
    ],
)  # fmt: skip
def test_one_instruction(change, subject, lines):
    summary_of_change = summary(DOCKERFILE, DOCKERFILE.replace(*change))
    assert (summary_of_change.subject, summary_of_change.lines) == (f"ns/app: {subject}", lines)


def test_files():
    before = {"a": b"1\n2\n3\n", "gone": b"x", "logo": b"\0", "run": b"same"}
    after = {"a": b"1\nzwei\ndrei\n3\n", "come": b"x", "logo": b"\0\0", "run": b"same"}
    before, after = {**before, "come": None}, {**after, "gone": None}
    summary_of_change = summarize("ns/app", manifest(), manifest(), before, after)
    assert summary_of_change.subject == "ns/app: come added, 3 files changed, gone deleted"
    assert summary_of_change.lines == (
        "added come",
        "changed a (+2 -1)",
        "changed logo (binary)",
        "changed run (mode)",
        "deleted gone",
    )


def test_a_long_subject_says_how_much_more_there_is():
    name = "functest/" + "long-name-" * 4
    after = DOCKERFILE.replace("git", "jq").replace("LANG=C.UTF-8", "A=b").replace("app", "b")
    texts = ({"Dockerfile": text.encode()} for text in (DOCKERFILE, after))
    summary_of_change = summarize(name, manifest(), manifest(), *texts)
    assert summary_of_change.subject == f"{name}: 4 changes"
    texts = ({"Dockerfile": text.encode()} for text in (DOCKERFILE, after))
    short = summarize("ns/image-name", manifest(), manifest(), *texts)
    assert short.subject == "ns/image-name: command changed, 1 package added, 2 more"


def test_metadata_alone():
    before, after = ({".gitattributes": text} for text in (b"a", b"b"))
    summary_of_change = summarize("ns/app", manifest(), manifest(), before, after)
    assert summary_of_change.subject == "ns/app: metadata updated"


def test_a_file_that_is_no_dockerfile_harms_nobody():
    summary_of_change = summary("FROM a\n", "\0\xff\nFORM a\nRUN <<")
    assert summary_of_change.subject.startswith("ns/app: ")


def test_the_first_publication_says_what_it_stands_on():
    new = manifest({BASE: NEW, "quay.io/ns/base:master": None}, {"app": source("c" * 40)})
    summary_of_change = summarize_first("ns/app", "master", new)
    assert summary_of_change.subject == "ns/app: first publication of stream master"
    assert summary_of_change.lines == (
        f"base image {BASE}@sha256:{'b' * 12}",
        "base image quay.io/ns/base:master",
        f"source app https://example.org/app at {'c' * 12}",
    )
