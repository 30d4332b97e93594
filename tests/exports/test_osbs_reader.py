"""The tests' own OSBS tells good repositories from bad ones, as the real one does."""

import textwrap

import pytest
from testing.osbs_reader import container_problems, file_problems, label_problems, read_labels

COMMIT = "4c5977ff64ad0ec9e43f5d22e3b146fe0a1537c1"
LABELS = "LABEL name=a/b com.redhat.component=a-b-container version=1.0"


@pytest.mark.parametrize(
    "text",
    [
        "",
        "# nothing\n",
        "platforms: {only: [x86_64, aarch64], not: s390x}",
        "platforms: {only: x86_64}",
        "tags: [latest, '1.0']",
        "compose: {packages: [httpd], signing_intent: release, multilib_method: [devel]}",
        "compose: {build_only_content_sets: {x86_64: [server-rpms]}}",
        f"remote_sources: [{{name: app, remote_source: {{repo: r, ref: {COMMIT}}}}}]",
        f"remote_source: {{repo: r, ref: {COMMIT}, pkg_managers: [pip]}}",
        "remote_sources_version: 2",
        "operator_manifests: {manifests_dir: manifests}",
        "buildtime_limit: 0",
    ],
)
def test_what_osbs_takes(text):
    assert container_problems(text) == []


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("platform: x86_64", "not valid under any of the given schemas"),
        ("tags: [1.0]", "not valid under any of the given schemas"),
        ("tags: ['1-0']", 'Invalid additional tag "1-0", must match pattern ^[\\w.]{0,127}$'),
        ("compose: {multilib_method: [some]}", "not valid under any of the given schemas"),
        ("compose: {build_only_content_sets: {x86_64: [server]}}", "not valid under any"),
        ("remote_sources: []", "not valid under any of the given schemas"),
        (f"remote_source: {{repo: r, ref: {COMMIT[:12]}}}", "not valid under any"),
        (f"remote_source: {{repo: r, ref: {COMMIT}, pkg_managers: [cargo]}}", "not valid under"),
        (
            f"remote_sources: [{{name: a/b, remote_source: {{repo: r, ref: {COMMIT}}}}}]",
            "not valid",
        ),
        ("go: {modules: [{module: m}]}\nremote_sources: []", "not valid under any"),
        ("remote_sources_version: 3", "not valid under any of the given schemas"),
        ("operator_manifests: {manifests_dir: /manifests}", "not valid under any"),
        ("buildtime_limit: -1", "not valid under any of the given schemas"),
        ("[]", "not of type 'object', 'null'"),
    ],
)
def test_what_osbs_refuses(text, problem):
    assert problem in " ".join(container_problems(text))


@pytest.mark.parametrize(
    ("dockerfile", "problems"),
    [
        (f"FROM quay.io/a/b:1\n{LABELS}", []),
        ("FROM a\nLABEL Name=a/b BZComponent=c Version=1", []),
        ("FROM a\nENV V=1.0\nLABEL name=a/b com.redhat.component=c version=$V", []),
        (f"FROM a\n{LABELS} release=1.2_a", []),
        (
            "FROM a\nLABEL name=a/b version=1",
            ["required label missing from Dockerfile : com.redhat.component"],
        ),
        (
            "FROM a\nLABEL com.redhat.component=c version=1",
            ["required label missing from Dockerfile : name"],
        ),
        (
            "FROM a\nLABEL name=a/b com.redhat.component=c",
            ["required label missing from Dockerfile : version"],
        ),
        (
            "FROM a\nLABEL name=$NAME com.redhat.component=c version=1",
            ["required label doesn't have explicit value in Dockerfile : name"],
        ),
        (
            "FROM a\nLABEL name=a/b com.redhat.component=c version=1-2",
            ["version label '1-2' contains not allowed chars : '['-']'"],
        ),
        (
            "FROM a\nLABEL name=a/b com.redhat.component=c version=stable/1",
            ["Dockerfile version label can't contain '/' character"],
        ),
        (f"FROM a\n{LABELS} release=beta", ["release label doesn't have proper format"]),
        (
            "FROM a\nLABEL name=a.b/c com.redhat.component=c version=1",
            ["initial image name component must not contain '.'"],
        ),
        (
            f"FROM a AS b\n{LABELS}\nFROM b",
            [
                "required label missing from Dockerfile : name",
                "required label missing from Dockerfile : com.redhat.component",
                "required label missing from Dockerfile : version",
            ],
        ),
        (
            f"FROM quay.io/a/b:1@sha256:{'0' * 64}\n{LABELS}",
            [f"the parent quay.io/a/b:1@sha256:{'0' * 64} has a tag and a digest"],
        ),
        (f"FROM quay.io/a/b@sha256:{'0' * 64}\n{LABELS}", []),
        (
            f"FROM a\n{LABELS} com.redhat.delivery.operator.bundle=true",
            ["Operator bundle build can be only 'FROM scratch' build (single stage)"],
        ),
        (f"FROM scratch\n{LABELS} com.redhat.delivery.operator.bundle=true", []),
        (
            f"FROM scratch\n{LABELS} com.redhat.delivery.operator.bundle=true "
            "com.redhat.delivery.appregistry=true",
            [
                "only one of labels com.redhat.com.delivery.appregistry "
                "and com.redhat.delivery.operator.bundle is allowed"
            ],
        ),
    ],
)
def test_labels_as_osbs_reads_them(dockerfile, problems):
    assert list(label_problems(dockerfile)) == problems


def test_dockerfile_parse_takes_lines_of_a_heredoc_for_instructions():
    """It knows no heredocs: `from` of a Python script begins a stage, and the labels are gone."""
    dockerfile = textwrap.dedent(
        f"""\
        FROM a
        {LABELS}
        RUN python3 <<EOF
        from os import path
        EOF
        """
    )
    assert read_labels(dockerfile) == {}


@pytest.mark.parametrize(
    ("files", "problem"),
    [
        (
            ("container.yml",),
            "Repo contains wrong filename: container.yml, expected: container.yaml",
        ),
        (
            ("container.yaml", "container.yml"),
            "This repo contains both container.yaml and container.yml",
        ),
        (("container.yaml",), "Could not parse Dockerfile"),
    ],
)
def test_files_are_found_by_their_names_alone(files, problem):
    assert file_problems(dict.fromkeys(files, "")) == [problem]
