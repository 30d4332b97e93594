"""`distgen discover` against a real registry: lists of containers, and the catalogue itself."""

import textwrap

import pytest
import yaml
from testing.catalogues import FAMILY
from testing.commandline import keeps_to_its_schema
from testing.servers import Reply, in_front_of, push, push_index, serve

from distgen.lock.file import read_lock

pytest_plugins = ["testing.servers", "testing.commandline"]

TEMPLATE = """
container_images_template:
- imagename: "{{namespace}}/{{name_prefix}}aodh-api{{name_suffix}}:{{tag}}"
  image_source: kolla
  params: [DockerAodhApiImage, DockerAodhConfigImage]
  services: ["OS::TripleO::Services::AodhApi"]
{% if neutron_driver == "ovn" %}
- imagename: "{{namespace}}/{{name_prefix}}neutron-server-ovn{{name_suffix}}:{{tag}}"
  image_source: kolla
  params: [DockerNeutronApiImage]
{% else %}
- imagename: "{{namespace}}/{{name_prefix}}neutron-server{{name_suffix}}:{{tag}}"
  image_source: kolla
  params: [DockerNeutronApiImage]
{% endif %}
- imagename: "{{ceph_namespace | default("docker.io/ceph")}}/daemon:v3.2"
  image_source: ceph
  params: [DockerCephDaemonImage]
"""


@pytest.fixture
def template(tmp_path):
    path = tmp_path / "overcloud_containers.yaml.j2"
    path.write_text(TEMPLATE)
    return path


def names(ran):
    return [one["imagename"] for one in yaml.safe_load(ran.out)["container_images"]]


def fill(server, account, tag="current", **labels):
    """Push the images of TEMPLATE; return their digests by name."""
    return {
        name: push(server, f"{account}/{name}", tag, labels={**labels, "name": name})
        for name in ("centos-aodh-api", "centos-neutron-server")
    } | {"daemon": push(server, "ceph/daemon", "v3.2")}


def test_a_list_and_an_environment_are_written_with_the_tags_that_are_there(
    open_registry, template, distgen, tmp_path
):
    fill(open_registry, "rocky")
    lists, environment = tmp_path / "list.yaml", tmp_path / "env.yaml"
    ran = distgen(
        tmp_path, "discover", "--registry", open_registry.host, "--template", template,
        "--set", "namespace=docker.io/rocky", "--set", "name_prefix=centos", "--tag", "current",
        "-o", lists, "--environment", environment,
    )  # fmt: skip
    assert (ran.code, ran.out) == (0, "")
    assert ran.err == "3 of 3 images found\n"
    host = open_registry.host
    assert lists.read_text() == textwrap.dedent(
        f"""\
        container_images:
        - imagename: {host}/rocky/centos-aodh-api:current
          image_source: kolla
        - imagename: {host}/rocky/centos-neutron-server:current
          image_source: kolla
        - imagename: {host}/ceph/daemon:v3.2
          image_source: ceph
        """
    )
    assert environment.read_text() == textwrap.dedent(
        f"""\
        parameter_defaults:
          DockerAodhApiImage: {host}/rocky/centos-aodh-api:current
          DockerAodhConfigImage: {host}/rocky/centos-aodh-api:current
          DockerCephDaemonImage: {host}/ceph/daemon:v3.2
          DockerInsecureRegistryAddress:
          - {host}
          DockerNeutronApiImage: {host}/rocky/centos-neutron-server:current
        """
    )


@pytest.mark.parametrize(
    ("label", "expected"), [("rdo_version", "abc_def"), ("{version}-{release}", "1.2-3")]
)
def test_the_tag_comes_from_a_label_or_from_several(
    open_registry, template, distgen, tmp_path, label, expected
):
    account = f"label{len(expected)}"
    labels = {"rdo_version": "abc_def", "version": "1.2", "release": "3"}
    fill(open_registry, account, **labels)
    fill(open_registry, account, tag=expected, **labels)
    ran = distgen(
        tmp_path, "discover", "--registry", open_registry.host, "--template", template,
        "--set", f"namespace={account}", "--set", "name_prefix=centos-",
        "--tag", "current", "--tag-from-label", label,
    )  # fmt: skip
    assert (ran.code, ran.err) == (0, "3 of 3 images found\n")
    assert names(ran) == [
        f"{open_registry.host}/{account}/centos-aodh-api:{expected}",
        f"{open_registry.host}/{account}/centos-neutron-server:{expected}",
        f"{open_registry.host}/ceph/daemon:v3.2",
    ]


def test_images_without_the_tag_are_dropped_and_the_reason_is_said(
    open_registry, template, distgen, tmp_path
):
    push(open_registry, "some/aodh-api", "current", labels={"version": "7", "other": "x"})
    push(open_registry, "ceph/daemon", "v3.2")
    arguments = (
        "discover", "--registry", open_registry.host, "--template", template,
        "--set", "namespace=some",
    )  # fmt: skip
    ran = distgen(tmp_path, *arguments, "--tag", "current")
    assert ran.code == 0
    assert names(ran)[0] == f"{open_registry.host}/some/aodh-api:current"
    assert ran.err == (
        f"dropped {open_registry.host}/some/neutron-server: the registry has no such tag current\n"
        "2 of 3 images found\n"
    )
    ran = distgen(tmp_path, *arguments, "--tag", "current", "--tag-from-label", "version")
    assert ran.code == 0
    assert (
        f"dropped {open_registry.host}/some/aodh-api: the registry has no such tag 7\n" in ran.err
    )
    ran = distgen(tmp_path, *arguments, "--tag", "current", "--tag-from-label", "rdo_version")
    assert (
        f"dropped {open_registry.host}/some/aodh-api: it has no label rdo_version;"
        " its labels: other, version\n"
    ) in ran.err


def test_with_require_all_nothing_is_written_unless_all_are_there(
    open_registry, template, distgen, tmp_path
):
    push(open_registry, "part/aodh-api", "current")
    out = tmp_path / "list.yaml"
    out.write_text("old\n")
    ran = distgen(
        tmp_path, "discover", "--registry", open_registry.host, "--template", template,
        "--set", "namespace=part", "--tag", "current", "--require-all", "-o", out,
    )  # fmt: skip
    assert ran.code == 1
    assert ran.err.endswith("distgen: 1 of 3 images are not there\n") or ran.err.endswith(
        "distgen: 2 of 3 images are not there\n"
    )
    assert out.read_text() == "old\n"


def test_images_can_be_named_by_digest(open_registry, template, distgen, tmp_path):
    digests = fill(open_registry, "pinned")
    ran = distgen(
        tmp_path, "discover", "--registry", open_registry.host, "--template", template,
        "--set", "namespace=pinned", "--set", "name_prefix=centos", "--tag", "current", "--digests",
    )  # fmt: skip
    assert names(ran)[0] == (
        f"{open_registry.host}/pinned/centos-aodh-api@{digests['centos-aodh-api']}"
    )


def test_a_plain_list_is_searched_under_its_own_tags_or_the_given_one(
    open_registry, distgen, tmp_path
):
    push(open_registry, "plain/one", "1", "2")
    push(open_registry, "plain/two", "2")
    path = tmp_path / "list.yaml"
    path.write_text(
        "container_images:\n- imagename: plain/one:1\n- {imagename: 'docker.io/plain/two:2'}\n"
    )
    host = open_registry.host
    for options, expected in (
        ((), [f"{host}/plain/one:1", f"{host}/plain/two:2"]),
        (("--tag", "2"), [f"{host}/plain/one:2", f"{host}/plain/two:2"]),
    ):
        ran = distgen(tmp_path, "discover", "--registry", host, "--template", path, *options)
        assert names(ran) == expected


def test_values_may_come_from_a_file_of_prepare_defaults(
    open_registry, template, distgen, tmp_path
):
    push(open_registry, "prepared/c-aodh-api-x", "2.10")
    push(open_registry, "prepared/c-neutron-server-ovn-x", "2.10")
    push(open_registry, "ceph/daemon", "v3.2")
    path = tmp_path / "defaults.yaml"
    path.write_text(
        """
        parameter_defaults:
          ContainerImagePrepare:
          - tag_from_label: rdo_version
            set: {namespace: docker.io/prepared, name_prefix: c-, name_suffix: -x, tag: 2.10,
                  neutron_driver: ovn}
        """
    )
    ran = distgen(
        tmp_path, "discover", "--registry", open_registry.host, "--template", template,
        "--defaults", path,
    )  # fmt: skip
    assert names(ran)[:2] == [
        f"{open_registry.host}/prepared/c-aodh-api-x:2.10",
        f"{open_registry.host}/prepared/c-neutron-server-ovn-x:2.10",
    ]


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("container_images_template: [", ", rendered:2:1: cannot be read: "),
        ("images: []", ", rendered: has none of container_images_template, "),
        (
            "container_images_template: [{image: x}]",
            ", rendered: entry 1 of the list has no imagename",
        ),
        (
            "container_images_template: [{imagename: '{{ nothing }}/x:1'}]",
            ":1: 'nothing' is undefined; give it with --set",
        ),
        ("{% if %}", ":1: Expected an expression, got 'end of statement block'"),
        (
            "{{ ''.__class__.__mro__ }}",
            ":1: access to attribute '__class__' of 'str' object is unsafe",
        ),
        ("{% include '../secret' %}", ": includes ../secret, which is not beside it"),
    ],
)
def test_a_template_that_cannot_be_used_is_a_sentence(distgen, tmp_path, text, sentence):
    (tmp_path / "t").mkdir()
    (tmp_path / "secret").write_text("secret")
    path = tmp_path / "t/list.yaml.j2"
    path.write_text(text)
    ran = distgen(tmp_path, "discover", "--registry", "127.0.0.1:1", "--template", path)
    assert ran.code == 2
    assert ran.err.startswith(f"distgen: {path}{sentence}")


# --- registries that fail ----------------------------------------------------------------------


def discover(distgen, tmp_path, host, template, *options):
    out = tmp_path / "list.yaml"
    out.write_text("old\n")
    ran = distgen(
        tmp_path, "discover", "--registry", host, "--template", template,
        "--set", "namespace=x", "--tag", "current", "-o", out, *options,
    )  # fmt: skip
    assert out.read_text() == "old\n"
    return ran


def test_a_registry_that_is_down(distgen, tmp_path, template):
    with serve(lambda asked: Reply(200)) as front:
        host = front.host
    ran = discover(distgen, tmp_path, host, template, "--retries", "0")
    assert ran.code == 1
    assert ran.err == (
        "distgen: 3 of 3 images could not be looked up:"
        f" {host}: the registry cannot be reached (connection refused)\n"
    )


def test_a_registry_that_is_half_down_is_not_one_without_images(
    distgen, tmp_path, template, open_registry
):
    """Images that could not be asked for must not be dropped from the list as if they were gone."""
    push(open_registry, "x/aodh-api", "current")
    broken = in_front_of(
        open_registry,
        lambda asked: Reply(500, headers={"Retry-After": "0"}) if "neutron" in asked.path else None,
    )
    with broken as front:
        ran = discover(distgen, tmp_path, front.host, template, "--retries", "0")
    assert ran.code == 1
    assert ran.err == (
        "distgen: 1 of 3 images could not be looked up:"
        f" {front.host}: the registry answered 500 (internal server error)\n"
    )


def test_a_registry_that_wants_a_login(distgen, tmp_path, template, basic_registry):
    ran = discover(distgen, tmp_path, basic_registry.host, template)
    assert ran.code == 1
    assert "the registry wants credentials, and none are known; log in, such as with" in ran.err


# --- the catalogue -----------------------------------------------------------------------------


def namespace(server, more=""):
    return f"registry: {server.host}/built\nstreams: {{master: {{}}}}\n{more}"


def test_what_was_built_is_pinned_in_what_is_built_on_it(
    catalogue, distgen, open_registry, tmp_path
):
    digest, _ = push_index(open_registry, "built/base", "master")
    app = push(open_registry, "built/app", "master")
    root = catalogue({**FAMILY, "overlays/ns/namespace.yaml": namespace(open_registry)})
    ran = distgen(root, "discover", "ns/*")
    assert ran.code == 0
    reference = f"{open_registry.host}/built"
    assert ran.out == f"{reference}/base:master  {digest}\n{reference}/app:master  {app}\n"
    assert f"dropped {reference}/late: the registry has no such tag master\n" in ran.err
    held = read_lock(root / "distgen.lock")
    assert {name: one.digest for name, one in held.bases.items()} == {
        f"{reference}/base:master": digest,
        f"{reference}/app:master": app,
    }
    assert distgen(root, "lock").code == 0
    assert read_lock(root / "distgen.lock") == held
    assert distgen(root, "render", "-o", tmp_path / "out").code == 0
    assert (tmp_path / "out/ns/app/master/Dockerfile").read_text().splitlines()[-2:] == [
        f"FROM {reference}/base:master@{digest}",
        f"LABEL base={digest}",
    ]


def test_a_downstream_that_takes_no_tag_beside_a_digest_gets_the_digest(
    catalogue, distgen, open_registry, tmp_path
):
    digest = push(open_registry, "built/base", "master")
    root = catalogue(
        {**FAMILY, "overlays/ns/namespace.yaml": namespace(open_registry, "exports: [osbs]\n")}
    )
    assert distgen(root, "discover", "ns/base").code == 0
    assert distgen(root, "render", "-o", tmp_path / "out", "ns/app").code == 0
    text = (tmp_path / "out/ns/app/master/Dockerfile").read_text()
    assert f"FROM {open_registry.host}/built/base@{digest}\n" in text


def test_options_for_lists_are_refused_without_a_list(catalogue, distgen, open_registry):
    root = catalogue({**FAMILY, "overlays/ns/namespace.yaml": namespace(open_registry)})
    ran = distgen(root, "discover", "--digests")
    assert ran.code == 2
    assert ran.err == "distgen: these options are for a list of images; add --template FILE\n"


# --- what jobs read, and what cannot be written ------------------------------------------------


def test_what_was_found_and_what_not_is_printed_as_json(open_registry, template, distgen, tmp_path):
    digest = push(open_registry, "json/aodh-api", "current")
    out = tmp_path / "list.yaml"
    ran = distgen(
        tmp_path, "discover", "--registry", f"https://{open_registry.host}/",
        "--template", template, "--set", "namespace=json", "--tag", "current",
        "-o", out, "--format", "json",
    )  # fmt: skip
    assert ran.code == 0
    keeps_to_its_schema("discover", ran.json)
    name = f"{open_registry.host}/json"
    assert ran.json["images"][:2] == [
        {
            "name": f"{name}/aodh-api",
            "status": "found",
            "reference": f"{name}/aodh-api:current",
            "digest": digest,
            "detail": "",
        },
        {
            "name": f"{name}/neutron-server",
            "status": "dropped",
            "reference": None,
            "digest": None,
            "detail": "the registry has no such tag current",
        },
    ]
    assert yaml.safe_load(out.read_text())["container_images"][0]["imagename"] == (
        f"{name}/aodh-api:current"
    )


def test_images_that_could_not_be_asked_for_stand_in_the_json_too(distgen, tmp_path, template):
    with serve(lambda asked: Reply(403)) as front:
        ran = discover(distgen, tmp_path, front.host, template, "--format", "json")
    assert ran.code == 1
    keeps_to_its_schema("discover", ran.json)
    assert ran.json["summary"] == {"failed": 3}


def test_the_catalogue_s_own_images_are_printed_as_json(catalogue, distgen, open_registry):
    push(open_registry, "built-json/base", "master")
    settings = f"registry: {open_registry.host}/built-json\nstreams: {{master: {{}}}}\n"
    root = catalogue({**FAMILY, "overlays/ns/namespace.yaml": settings})
    ran = distgen(root, "discover", "--format", "json")
    keeps_to_its_schema("discover", ran.json)
    assert (ran.code, ran.json["summary"]) == (0, {"dropped": 2, "found": 1})


def test_nothing_is_written_when_one_of_two_files_cannot_be(open_registry, distgen, tmp_path):
    push(open_registry, "two/one", "1")
    path, environment = tmp_path / "list.yaml", tmp_path / "env.yaml"
    path.write_text("container_images: [{imagename: 'two/one:1'}]\n")
    arguments = ("discover", "--registry", open_registry.host, "--template", path)
    missing = tmp_path / "missing/list.yaml"
    ran = distgen(tmp_path, *arguments, "-o", missing, "--environment", environment)
    assert (ran.code, ran.err) == (2, f"distgen: {missing}: its folder is not there\n")
    ran = distgen(tmp_path, *arguments, "-o", environment, "--environment", environment)
    assert (ran.code, ran.err) == (
        2,
        f"distgen: {environment}: is both the list and the environment\n",
    )
    assert not environment.exists()


def test_a_list_that_names_images_by_digest_can_be_searched_again(open_registry, distgen, tmp_path):
    digest = push(open_registry, "again/one", "1")
    path = tmp_path / "list.yaml"
    path.write_text(f"container_images: [{{imagename: 'again/one@{digest}'}}]\n")
    ran = distgen(tmp_path, "discover", "--registry", open_registry.host, "--template", path)
    assert names(ran) == [f"{open_registry.host}/again/one@{digest}"]
