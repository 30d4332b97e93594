"""TripleO's container lists: templates of every period, rendered as its own tools do."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import yaml
from click.testing import CliRunner

from distgen.cli.commands.export import command
from distgen.cli.session import Session
from distgen.errors import InputError
from distgen.model.catalogue import RenderLimits
from distgen.tripleo.export import EntryFilter, render_entries
from distgen.tripleo.files import read_list, template_at
from distgen.tripleo.heat import format_list, parse_defaults, parse_images, short_names

OLDEST = """\
{% set namespace=namespace or "tripleoupstream" %}
{% set name_prefix=name_prefix or "centos-binary-" %}
{% set name_suffix=name_suffix or "" %}
{% set tag=tag or "latest" %}
container_images_template:
- imagename: "{{namespace}}/{{name_prefix}}aodh-api{{name_suffix}}:{{tag}}"
- imagename: "{{namespace}}/{{name_prefix}}nova-api{{name_suffix}}:{{tag}}"
"""
LOGGING = """\
container_images_template:
- imagename: "{{namespace}}/{{name_prefix}}cron{{name_suffix}}:{{tag}}"
  params:
  - DockerCrondImage
{% if logging == "stdout" %}
- imagename: "{{namespace}}/{{name_prefix}}rsyslog-base{{name_suffix}}:{{tag}}"
{% endif %}
"""
DRIVERS = """\
container_images_template:

- imagename: "{{namespace}}/{{name_prefix}}keystone{{name_suffix}}:{{tag}}"
  image_source: kolla
  params:
  - ContainerKeystoneImage
  - ContainerKeystoneConfigImage
  services:
  - OS::TripleO::Services::Keystone
{% if neutron_driver == "odl" %}
- imagename: "{{namespace}}/{{name_prefix}}neutron-server-opendaylight{{name_suffix}}:{{tag}}"
  image_source: kolla
  params: [ContainerNeutronApiImage]
  services: [OS::TripleO::Services::NeutronApi]
{% elif neutron_driver == "ovn" %}
- imagename: "{{namespace}}/{{name_prefix}}neutron-server-ovn{{name_suffix}}:{{tag}}"
  image_source: kolla
  params: [ContainerNeutronApiImage]
  services: [OS::TripleO::Services::NeutronApi]
{% else %}
- imagename: "{{namespace}}/{{name_prefix}}neutron-server{{name_suffix}}:{{tag}}"
  image_source: kolla
  params: [ContainerNeutronApiImage]
  services: [OS::TripleO::Services::NeutronApi]
{% endif %}
{% if not rhel_containers %}
- imagename: "{{namespace}}/{{name_prefix}}tempest{{name_suffix}}:{{tag}}"
  image_source: kolla
{% endif %}
{% if namespace_before is defined %}
- imagename: "{{namespace_before}}/{{name_prefix}}keystone{{name_suffix}}:{{tag_before}}"
  image_source: kolla
{% endif %}
{% if ceph_images | default(true) %}
{% include 'ceph.j2' %}
{% endif %}
"""
CEPH = """\
- imagename: "{{ceph_namespace}}/{{ceph_image}}:{{ceph_tag}}"
  image_source: ceph
  params: [ContainerCephDaemonImage]
  services: [OS::TripleO::Services::CephMon]
"""
DEFAULTS = """\
parameter_defaults:
  ContainerImagePrepare:
  - tag_from_label: rdo_version
    set:
      namespace: quay.io/some
      name_prefix: centos-binary
      name_suffix: ''
      tag: current
      rhel_containers: off
      neutron_driver: null
      ceph_namespace: quay.io/ceph
      ceph_image: daemon
      ceph_tag: 2.10
"""
PLAIN = """\
container_images:
- imagename: quay.io/some/centos-binary-keystone:current
  image_source: kolla
- imagename: quay.io/some/centos-binary-neutron-server-opendaylight:current
  image_source: kolla
- imagename: quay.io/some/centos-binary-neutron-server-ovn:current
  image_source: kolla
- imagename: quay.io/some/centos-binary-neutron-server:current
  image_source: kolla
- imagename: quay.io/some/centos-binary-tempest:current
  image_source: kolla
- imagename: quay.io/ceph/daemon:2.10
  image_source: ceph
"""


@pytest.fixture
def template(tmp_path: Path) -> Path:
    """Return a template of drivers with what it includes and its defaults beside it."""
    (tmp_path / "list.yaml.j2").write_text(DRIVERS)
    (tmp_path / "ceph.j2").write_text(CEPH)
    (tmp_path / "defaults.yaml").write_text(DEFAULTS)
    return tmp_path / "list.yaml.j2"


def export(*words: object) -> str:
    arguments = ["tripleo", *map(str, words)]
    session = Session(None, 0, None, {})
    result = CliRunner().invoke(command, arguments, obj=session, catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return result.stdout


def export_error(*words: object) -> str:
    with pytest.raises(InputError) as error:
        export(*words)
    return str(error.value)


def names(text: str) -> list[str]:
    image_names = [entry["imagename"] for entry in yaml.safe_load(text)["container_images"]]
    return [re.split("[/:]", name)[-2] for name in image_names]


def pair(template: Path, defaults: Path) -> tuple[dict[str, list[dict]], list[dict]]:
    """Return the rendered lists by driver, and the plain list beside the template."""
    values = parse_defaults(defaults.read_text(), str(defaults))
    lists = {
        driver: yaml.safe_load(
            format_list(
                render_entries(
                    template_at(template), {**values, "neutron_driver": driver}, EntryFilter()
                )
            )
        )["container_images"]
        for driver in ("other", "ovn", "odl")
    }
    plain = parse_images(template.with_suffix("").read_text(), str(template))
    return lists, [dict(entry) for entry in plain]


def assert_in_step(template: Path, defaults: Path) -> None:
    lists, plain = pair(template, defaults)
    everywhere = {entry["imagename"] for entries in lists.values() for entry in entries}
    for driver, entries in lists.items():
        names_of_other_drivers = everywhere - {entry["imagename"] for entry in entries}
        assert entries == [
            entry for entry in plain if entry["imagename"] not in names_of_other_drivers
        ], driver


def test_for_every_driver_the_list_is_the_plain_one_less_the_other_drivers_images(template):
    template.with_suffix("").write_text(PLAIN)
    assert_in_step(template, template.parent / "defaults.yaml")


BESIDE = (above / "shared/facts/tripleo/lists" for above in Path(__file__).resolve().parents)
REAL = next(filter(Path.is_dir, BESIDE), None)
real = pytest.mark.skipif(REAL is None, reason="no lists of real releases beside the checkout")


@real
def test_real_pairs_of_template_and_list_are_in_step():
    templates = [*REAL.glob("*/*_containers.yaml.j2")]
    assert len(templates) >= 4
    for template in templates:
        assert_in_step(template, template.with_name("container_image_prepare_defaults.yaml"))


@real
def test_real_lists_are_read_whole_and_unlike_their_templates_need_no_values():
    lists = [*REAL.rglob("*_containers.yaml")]
    assert len(lists) >= 5
    for path in lists:
        names = {entry["imagename"] for entry in yaml.safe_load(path.read_text()).popitem()[1]}
        entries = read_list(path, {})
        assert {f"{entry.name}:{entry.tag}" for entry in entries} == names
        assert len(entries) == len(names) > 50, path


@pytest.mark.parametrize("text", ["[" * 5000 + "]" * 5000, "a: " + "9" * 5000, "a: 2001-99-99"])
def test_yaml_that_python_cannot_read_is_one_sentence(tmp_path, text):
    path = tmp_path / "containers.yaml"
    path.write_text(text)
    with pytest.raises(InputError, match=r"containers\.yaml: ") as caught:
        read_list(path, {})
    assert "\n" not in str(caught.value)


LOOPS = "{% for a in 'x' * 99999 %}{% for b in 'x' * 99999 %}{% endfor %}{% endfor %}"
# Comparing them is one long step of the interpreter, which no exception can end.
DOUBLED = "{% set a = [1] %}{% set b = [1] %}" + "{% set a = [a, a] %}{% set b = [b, b] %}" * 60


@pytest.mark.parametrize("text", [LOOPS, DOUBLED + "{{ a == b }}"], ids=["loops", "doubled"])
def test_a_template_that_takes_too_much_is_named(tmp_path, text):
    path = tmp_path / "hostile_containers.yaml.j2"
    path.write_text(text)
    with pytest.raises(InputError) as caught:
        read_list(path, {}, limits=RenderLimits(0.5, 64 * 2**20))
    assert str(caught.value).startswith(str(path))
    assert "takes more than 0.5 seconds of processor time" in str(caught.value)


def test_the_list_is_printed_without_params_services_and_time(template):
    options = ("--template", template, "--defaults", template.parent / "defaults.yaml")
    text = re.sub(r"- .*(opendaylight|server):current\n.*\n", "", PLAIN)
    assert export(*options, "--set", "neutron_driver=ovn") == text


def test_the_environment_maps_each_parameter_to_its_image(template, tmp_path):
    options = ("--template", template, "--defaults", tmp_path / "defaults.yaml")
    for driver in ("odl", "ovn"):  # the second run replaces what the first one wrote
        export(
            *options, "--set", f"neutron_driver={driver}", "--environment", tmp_path / "env.yaml"
        )
    assert (tmp_path / "env.yaml").read_text() == (
        "# Written by distgen export tripleo; edit the template instead.\n"
        "parameter_defaults:\n"
        "  ContainerCephDaemonImage: quay.io/ceph/daemon:2.10\n"
        "  ContainerKeystoneConfigImage: quay.io/some/centos-binary-keystone:current\n"
        "  ContainerKeystoneImage: quay.io/some/centos-binary-keystone:current\n"
        "  ContainerNeutronApiImage: quay.io/some/centos-binary-neutron-server-ovn:current\n"
    )


def test_a_file_that_somebody_else_wrote_is_not_replaced(template, tmp_path):
    mine = tmp_path / "mine.yaml"
    mine.write_text("parameter_defaults: {ComputeCount: 3}\n")
    options = ("--template", template, "--defaults", tmp_path / "defaults.yaml")
    assert "was not written by distgen" in export_error(*options, "--environment", mine)
    assert "was not written by distgen" in export_error(*options, "-o", mine)
    assert mine.read_text() == "parameter_defaults: {ComputeCount: 3}\n"


def test_templates_with_their_own_defaults_need_no_values(tmp_path):
    (tmp_path / "old.yaml.j2").write_text(OLDEST)
    assert export("--template", tmp_path / "old.yaml.j2", "--set", "tag=pike") == (
        "container_images:\n"
        "- imagename: tripleoupstream/centos-binary-aodh-api:pike\n"
        "- imagename: tripleoupstream/centos-binary-nova-api:pike\n"
    )


def test_prefix_and_suffix_get_the_hyphens_they_lack(tmp_path):
    (tmp_path / "old.yaml.j2").write_text(OLDEST)
    options = ("--template", tmp_path / "old.yaml.j2", "--set", "name_prefix=rhel-rdo")
    assert "tripleoupstream/rhel-rdo-aodh-api-x:latest" in export(
        *options, "--set", "name_suffix=x"
    )
    assert "tripleoupstream/rhel-rdo-aodh-api:latest" in export(*options, "--set", "name_suffix=")


def test_conditions_may_ask_for_values_nobody_gave_but_images_need_theirs(tmp_path):
    (tmp_path / "queens.yaml.j2").write_text(LOGGING)
    options = ["--template", tmp_path / "queens.yaml.j2", "--set", "namespace=n"]
    options += ["--set", "name_prefix=", "--set", "name_suffix="]
    message = export_error(*options)
    assert message.endswith(
        "queens.yaml.j2:2: 'tag' is undefined; give it with --set NAME=VALUE or --defaults FILE"
    )
    assert names(export(*options, "--set", "tag=1")) == ["cron"]
    stdout = export(*options, "--set", "tag=1", "--set", "logging=stdout")
    assert names(stdout) == ["cron", "rsyslog-base"]


def test_conditions_see_booleans(template):
    options = ("--template", template, "--defaults", template.parent / "defaults.yaml")
    assert "centos-binary-tempest" in names(export(*options))
    assert "centos-binary-tempest" not in names(export(*options, "--set", "rhel_containers=true"))
    assert "daemon" not in names(export(*options, "--set", "ceph_images=false"))


def test_patterns_choose_by_name_and_include_wins(template):
    options = ("--template", template, "--defaults", template.parent / "defaults.yaml")
    assert names(export(*options, "--exclude", "neutron", "--exclude", "^quay.io/ceph")) == [
        "centos-binary-keystone",
        "centos-binary-tempest",
    ]
    text = export(*options, "--include", "keystone|tempest", "--exclude", "keystone")
    assert names(text) == ["centos-binary-keystone", "centos-binary-tempest"]


def test_services_choose_what_a_deployment_runs(template, tmp_path):
    (tmp_path / "roles.yaml").write_text(
        "- name: Controller\n  CountDefault: 1\n"
        "  ServicesDefault: [OS::TripleO::Services::Keystone, OS::TripleO::Services::NeutronApi]\n"
        "- name: Ceph\n  ServicesDefault: [OS::TripleO::Services::CephMon]\n"
    )
    (tmp_path / "one.yaml").write_text(
        "parameter_defaults: {NeutronMechanismDrivers: [openvswitch], ControllerCount: 3}\n"
    )
    (tmp_path / "two.yaml").write_text(
        "resource_registry: {'OS::TripleO::Services::Keystone': OS::Heat::None}\n"
        "parameter_defaults: {CephCount: 1, NeutronMechanismDrivers: [ovn]}\n"
    )
    options = ["--template", template, "--defaults", tmp_path / "defaults.yaml"]
    by_name = export(*options, "--service", "OS::TripleO::Services::CephMon")
    assert names(by_name) == ["daemon"]
    misspelt = export_error(*options, "--service", "OS::TripleO::Services::CephMn")
    assert misspelt.endswith(
        "no image serves OS::TripleO::Services::CephMn;"
        " did you mean `OS::TripleO::Services::CephMon`?"
    )
    options += ["--roles", tmp_path / "roles.yaml"]
    assert names(export(*options)) == ["centos-binary-keystone", "centos-binary-neutron-server"]
    options += ["-e", tmp_path / "one.yaml", "-e", tmp_path / "two.yaml"]
    assert names(export(*options)) == ["centos-binary-neutron-server-ovn", "daemon"]


def test_a_template_reaches_nothing_but_files_beside_it(tmp_path):
    (tmp_path / "secret").write_text("secret")
    (tmp_path / "lists").mkdir()
    here = tmp_path / "lists/list.yaml.j2"
    for text, problem in (
        ("{% include '../secret' %}", "includes ../secret, which is not beside it"),
        ("{{ ''.__class__.__mro__ }}", "unsafe"),
        ("{% if %}", "list.yaml.j2:1: "),
        ("just text", "has none of container_images_template"),
        ("container_images_template: 1", "has no list of images"),
        ("container_images_template: [{a: 1}]", "entry 1 of the list has no imagename"),
        ("a: [", "cannot be read"),
        ("container_images_template: [{imagename: ''}]", "entry 1 of the list has no imagename"),
        ('container_images_template: [{imagename: "a\\nb"}]', "entry 1 of the list has the name"),
        (
            "container_images_template: [{imagename: a, params: b}]",
            "the params of a are not a list",
        ),
        ("container_images_template: [{imagename: a, services: [[b]]}]", "the services of a are"),
        ("{{ 'a' * 10**15 }}", "the template makes something that does not fit into memory"),
        ("{{ 'a'.upper }}", "a value of type builtin_function_or_method cannot be printed"),
        ("{{ '%s' % 'a'.upper }}", "a value of type builtin_function_or_method cannot be"),
        ("{{ '%s' | format('a'.upper) }}", "a value of type builtin_function_or_method cannot"),
        ("{{ '{}'.format('a'.upper) }}", "a value of type builtin_function_or_method cannot"),
        ("{{ ['a'.upper] | join }}", "a value of type builtin_function_or_method cannot be"),
        (r"{{ '\ud800' }}", "it prints U+D800, one half of a character"),
        ("{{ 'inf' | float | int }}", "list.yaml.j2:1: name 'inf' is not defined"),
        ("{% for i in range(9**9) %}{% endfor %}", "'range' is undefined"),
        ("{% macro a() %}{{ a() }}{% endmacro %}{{ a() }}", "maximum recursion depth exceeded"),
    ):
        here.write_text(text)
        assert problem in export_error("--template", here)
    assert "there is no such template" in export_error("--template", tmp_path / "absent.j2")
    here.write_text(OLDEST)
    assert "not an assignment" in export_error("--template", here, "--set", "tag")
    assert "not a regular expression" in export_error("--template", here, "--include", "(")


@pytest.mark.parametrize(
    ("option", "text", "problem"),
    [
        ("--roles", "a: 1", "is not a list of roles"),
        ("--roles", "- {name: A, CountDefault: x}", "ACount is 'x', which is not a number"),
        ("--roles", "- {name: A, CountDefault: 1, ServicesDefault: [[b]]}", "the services of A"),
        ("--deployment", "parameter_defaults: [1]", "something else where a mapping is expected"),
        (
            "--deployment",
            "parameter_defaults: {NeutronMechanismDrivers: {a: b}}",
            "which is not a list",
        ),
        (
            "--defaults",
            "parameter_defaults: {ContainerImagePrepare: [{set: {tag: [1]}}]}",
            "the value of tag is not a plain one",
        ),
    ],
)
def test_wrong_files_beside_the_template_are_refused_in_a_sentence(template, option, text, problem):
    wrong = template.parent / "wrong.yaml"
    wrong.write_text(text + "\n")
    options = ["--template", template, "--set", "namespace=n", option, wrong]
    assert problem in export_error(*options)


def test_the_list_and_the_environment_are_two_files(template, tmp_path):
    options = ("--template", template, "--defaults", tmp_path / "defaults.yaml")
    file = tmp_path / "both.yaml"
    assert "name the same file" in export_error(*options, "--environment", file, "-o", file)
    assert not file.exists()


@pytest.mark.parametrize(
    ("imagename", "short"),
    [
        ("docker.io/tripleorocky/centos-binary-aodh-api:current-tripleo", "aodh-api"),
        ("quay.io/tripleomastercentos9/openstack-nova-api:current-tripleo", "nova-api"),
        ("tripleoupstream/rhel-source-base:latest", "base"),
        ("quay.io/ceph/daemon:v1", "daemon"),
        ("localhost:8787/some/openstack-base:1", "openstack-base"),
    ],
)
def test_an_image_is_known_by_its_short_name(imagename, short):
    assert short in short_names(imagename)


def test_lists_of_all_periods_are_read_each_image_once():
    oldest = "uploads:\n- imagename: a/b:1\n  uploader: docker\n  push_destination: x:8787\n"
    assert [entry["imagename"] for entry in parse_images(oldest, "list")] == ["a/b:1"]
    twice = "container_images:\n- imagename: a/b:1\n- imagename: a/c:1\n- imagename: a/b:1\n"
    assert [entry["imagename"] for entry in parse_images(twice, "list")] == [
        "a/b:1",
        "a/c:1",
    ]
