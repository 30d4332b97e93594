"""Images of tcib: what its role writes with Ansible, from the same folders, byte for byte."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from testing.tcib import BASE, FILES, NAMESPACE, ROLE, SERVICE, TEMPLATE

pytest_plugins = ["testing.commandline"]

BASE_FILE = "images/tcib/base/base.yaml"
SERVICE_FILE = "images/tcib/base/group/service/service.yaml"


def rendered(root, tmp_path, distgen, *arguments):
    """Return the Dockerfiles of all images by name."""
    ran = distgen(root, "render", "-o", tmp_path / "out", *arguments)
    assert ran.code == 0, ran.err
    places = (tmp_path / "out/cloud").glob("*/main/Dockerfile")
    return {place.parts[-3]: place.read_text() for place in places}


def test_images_are_those_of_the_list_and_what_they_are_built_on(catalogue, distgen):
    listed = distgen(catalogue(FILES), "list", "--format", "json").json
    assert [(image["name"], image["from"], image["reference"]) for image in listed] == [
        ("base", "quay.io/centos/centos:stream9", "quay.io/cloud/openstack-base:current"),
        ("service", "cloud/base@main", "quay.io/cloud/openstack-service:current"),
    ]


def test_without_a_list_all_folders_with_yaml_are_images(catalogue, distgen):
    files = {path: text for path, text in FILES.items() if "containers" not in path}
    listed = distgen(catalogue(files), "list", "--format", "json").json
    # `group` holds no YAML: what is below it is built on the next image above.
    assert [(image["name"], image["from"]) for image in listed] == [
        ("base", "quay.io/centos/centos:stream9"),
        ("other", "cloud/base@main"),
        ("service", "cloud/base@main"),
    ]


def test_variables_are_filled_where_they_are_used_and_maps_are_sorted(catalogue, distgen, tmp_path):
    text = rendered(catalogue(FILES), tmp_path, distgen)["service"]
    assert [line for line in text.splitlines()[2:] if not line.startswith("ENV ")] == [
        "FROM quay.io/cloud/openstack-base:current",
        "USER root",
        "VOLUME ['/srv/nobody', '/var']",
        'RUN ["echo", "nobody"]',
        "RUN echo service-vanilla",
        "WORKDIR /srv",
        'RUN ["x", "service"]',
        "RUN service-vanilla;",
        "EXPOSE 80",
        "USER nobody",
    ]


@pytest.fixture(scope="session")
def ansible():
    """The Ansible beside this Python; its role is run for real."""
    pytest.importorskip("ansible")
    return str(Path(sys.executable).parent / "ansible-playbook")


@pytest.mark.parametrize("options", [{}, {"release": "10", "package": "", "distro": "rhel"}])
def test_dockerfiles_are_those_that_ansible_writes(options, ansible, catalogue, distgen, tmp_path):
    root = catalogue(FILES)
    sets = [f"--set=cloud/*:tcib.{key}={json.dumps(value)}" for key, value in options.items()]
    ours = rendered(root, tmp_path, distgen, *sets)
    theirs = written_by_ansible(ansible, root, tmp_path, options)
    copy = "COPY container-images /usr/share/tcib/container-images\n"
    for name in ("base", "service"):
        # The line that takes our files is the one difference, and only where we add them.
        added = "package" in options and name == "base"
        assert (copy in ours[name]) is added
        assert ours[name].replace(copy, "") == theirs[name]


def written_by_ansible(ansible, root, tmp_path, options):
    """Run the role as tcib does: an inventory with the variables of each image, sorted."""
    import yaml

    hosts = {}
    for name, path in {"base": BASE_FILE, "service": SERVICE_FILE}.items():
        parent = "quay.io/cloud/openstack-base:current"
        hosts[name] = {
            **yaml.safe_load((root / path).read_text()),
            "tcib_meta": {"name": name},
            "tcib_distro": options.get("distro", "centos"),
            "tcib_release": options.get("release", "9"),
            "tcib_package": options.get("package", "python-tcib-containers"),
            "tcib_flavor": "vanilla",
            "tcib_from": parent if name == "service" else "quay.io/centos/centos:stream9",
            "ansible_connection": "local",
            "tcib_path": str(tmp_path / "ansible" / name),
        }
        (tmp_path / "ansible" / name).mkdir(parents=True)
    (root / ROLE / "tasks").mkdir()
    task = {"template": {"src": "Containerfile.j2", "dest": "{{ tcib_path }}/Dockerfile"}}
    (root / ROLE / "tasks/main.yml").write_text(yaml.safe_dump([task]))
    play = {"hosts": "all", "gather_facts": False, "roles": [{"role": "container_image_build"}]}
    (root / "play.yaml").write_text(yaml.safe_dump([play]))
    (root / "hosts.yaml").write_text(yaml.safe_dump({"all": {"hosts": hosts}}))
    variables = {"ANSIBLE_ROLES_PATH": str(root / "roles"), "HOME": str(tmp_path)}
    path = f"{Path(ansible).parent}:/usr/bin:/bin"
    done = subprocess.run(
        [ansible, "-i", "hosts.yaml", "play.yaml"],
        cwd=root,
        env={"PATH": path, "LC_ALL": "C.UTF-8", **variables},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout
    return {name: (tmp_path / "ansible" / name / "Dockerfile").read_text() for name in hosts}


def test_without_the_package_its_files_stand_in_the_repository(catalogue, distgen, tmp_path):
    root = catalogue(FILES)
    with_package = rendered(root, tmp_path, distgen)["base"]
    without = rendered(root, tmp_path, distgen, "--set", "cloud/*:tcib.package=")["base"]
    assert [line for line in without.split("\n") if line not in with_package.split("\n")] == [
        "COPY container-images /usr/share/tcib/container-images",
        "RUN dnf install -y b a ",
    ]
    script = tmp_path / "out/cloud/base/main/container-images/kolla/base/start.sh"
    assert script.read_text() == FILES["images/kolla/base/start.sh"]
    assert script.stat().st_mode & 0o111
    assert not (tmp_path / "out/cloud/service/main/container-images").exists()


def test_an_image_that_cannot_be_written_stops_no_other_one(catalogue, distgen):
    text = SERVICE.replace("tcib_flavor", "tcib_flavour")
    root = catalogue({**FILES, SERVICE_FILE: text})
    ran = distgen(root, "publish")
    assert ran.code == 2
    assert "created  cloud/base@main" in ran.out
    assert f"{SERVICE_FILE}:1: 'tcib_flavour' is undefined; mend it, give the variable" in ran.out
    assert distgen(root, "render", "-o", root / "out", "cloud/service").code == 2


def mistake(catalogue, distgen, files):
    ran = distgen(catalogue({**FILES, **files}), "list")
    assert (ran.code, ran.out) == (2, "")
    return ran.err.removeprefix("distgen: ").rstrip("\n")


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        (("path: images", "path: elsewhere"), "5:3: there is no folder elsewhere/tcib; name the"),
        (("path: images", "pat: images"), "5:3: `pat` is not a setting of tcib; did you mean"),
        (("tcib_flavor: v", "flavor: v"), "7:12: `flavor` is not a variable of tcib; its name"),
        (
            ("path: images", "path: images\n  role: gone"),
            "6:3: the role container_image_build is not in gone;",
        ),
        (("path: images", "path: images\n  excludes: [nova]"), "`excludes` names nova, which is"),
        (
            ("path: images", "path: images\n  excludes: [base]"),
            "`excludes` names base, and service",
        ),
        (("path: images", "path: images\n  excludes: base"), "6:3: `excludes` must be a list"),
        (("path: images", "path: images\n  config_file: x"), "6:3: there is no file x"),
        (("path: images", "path: images\n  labels: {a: '%(b)s'}"), "a label asks for 'b', which"),
    ],
)
def test_mistakes_in_settings(change, sentence, catalogue, distgen):
    text = NAMESPACE.replace(*change)
    said = mistake(catalogue, distgen, {"overlays/cloud/namespace.yaml": text})
    assert said.startswith("overlays/cloud/namespace.yaml:")
    assert sentence in said


@pytest.mark.parametrize(
    ("path", "text", "sentence"),
    [
        (BASE_FILE, f"{BASE}tcib_entrypont: x\n", ":11: tcib has no key `tcib_entrypont`; did you"),
        (BASE_FILE, "[1, 2]\n", ":1: does not hold a map"),
        (BASE_FILE, "a: [\n", "is not YAML: "),
        (BASE_FILE, "a: 2020-13-45\n", "is not YAML: month must be in 1..12"),
        (BASE_FILE, "\xff\xfe".encode("latin-1"), "is not UTF-8"),
        ("images/tcib/base/group/base/b.yml", "tcib_user: x\n", "there is another folder of this"),
        (
            "images/containers.yaml",
            "container_images:\n- imagename: a/servic:1\n",
            ":2: there is no",
        ),
        ("images/containers.yaml", "images: []\n", "holds no list `container_images`"),
    ],
)
def test_mistakes_in_files_of_tcib(path, text, sentence, catalogue, distgen):
    said = mistake(catalogue, distgen, {path: text})
    assert said.startswith("images/")
    assert sentence in said


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("tcib_user: '{{ tcib_user }}'\n", ":1: `tcib_user` is made from itself"),
        ("tcib_user: '{{ 1 | no_such }}'\n", "No filter named 'no_such'"),
        ("tcib_user: '{{ cycler }}'\n", "'cycler' is undefined"),
        ('tcib_user: \'{{ lookup("env", "HOME") }}\'\n', "'lookup' is undefined"),
        ("tcib_user: \"{{ ''.__class__.__mro__ }}\"\n", "unsafe"),
        ("tcib_user: '{{ (0,) * 10 ** 12 }}'\n", ""),
        ("tcib_user: '{% for a in range(9999) %}{% for b in range(9999) %}{% endfor %}'\n", ""),
        ("tcib_gather_files: [/etc/hostname]\n", ":1: /etc/hostname is a file of the machine"),
        ("tcib_gather_files: [kolla/../../distgen.yaml]\n", "is not read: it leads elsewhere"),
        ("tcib_gather_files: [kolla/none]\n", "there is no file images/kolla/none, which service"),
    ],
)
def test_what_an_image_must_not_do(text, sentence, catalogue, distgen):
    root = catalogue({**FILES, SERVICE_FILE: text})
    ran = distgen(root, "render", "-o", root / "out", "cloud/service")
    assert ran.code == 2
    assert sentence in ran.err


def test_links_out_of_the_folder_are_not_followed(catalogue, distgen, tmp_path):
    root = catalogue(FILES)
    (root / "images/kolla/base/start.sh").unlink()
    (tmp_path / "secret").write_text("token")
    (root / "images/kolla/base/start.sh").symlink_to(tmp_path / "secret")
    ran = distgen(root, "list", "--set", "cloud/*:tcib.package=")
    assert ran.code == 2
    assert "images/kolla/base/start.sh: is not read: it leads elsewhere; copy the file" in ran.err


def test_an_image_that_takes_too_long_is_ended(catalogue, distgen):
    loop = "{% for a in range(99999) %}{% for b in range(99999) %}{% endfor %}{% endfor %}"
    files = {
        "distgen.yaml": "version: 1\nrender: {limits: {seconds: 1}}\n",
        SERVICE_FILE: f"tcib_user: '{loop}'\n",
    }
    assert "processor time" in mistake(catalogue, distgen, files)


def test_settings_of_the_template_are_read_from_the_role(catalogue, distgen, tmp_path):
    template = TEMPLATE.replace("FROM {{ tcib_from }}", "FROM {{ tcib_fro }}")
    files = {**FILES, f"{ROLE}/templates/Containerfile.j2": template}
    root = catalogue(files)
    ran = distgen(root, "render", "-o", tmp_path / "out")
    assert ran.code == 2
    assert f"{ROLE}/templates/Containerfile.j2:3: 'tcib_fro' is undefined" in ran.err
