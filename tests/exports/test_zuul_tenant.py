"""What Zuul itself makes of `distgen export zuul`: its parser, its layout, its choice of jobs."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

pytest.importorskip("zuul")

from testing.images import image
from testing.zuul_tenant import CATALOGUE, HOST, load_tenant
from zuul.model import JobConfigurationError

from distgen.catalogue.graph import parents_first
from distgen.catalogue.load import load_catalogue
from distgen.exports.records import Selection
from distgen.exports.zuul.format import write_zuul
from distgen.model.lock import Lock

ROOT = Path(__file__).parents[2]
HOSTED = {"project": f"{HOST}/{CATALOGUE}", "hosts": HOST}
NODEPOOL = "zuul-nodepool-master"


def export(*images, templates=None, **options):
    """Return the configuration of Zuul in an export, by path."""
    ordered = tuple(images)
    selection = Selection(ordered, (), {}, Lock(), options=options, templates=templates or {})
    result = write_zuul(selection)
    assert result.refused == ()
    return {
        file.path: file.content.decode() for file in result.files if file.path.startswith("zuul.d/")
    }


def required_projects(files):
    text = "".join(files.values())
    names = re.findall(rf"^ +- {re.escape(HOST)}/(\S+)$", text, re.MULTILINE)
    return dict.fromkeys({*names} - {CATALOGUE}, "")


def attach(project, template):
    """Return a stanza of the config project, which counts for all branches of the other."""
    return f"- project: {{name: {project}, templates: [{template}]}}\n"


def secrets(files):
    return sorted(set(re.findall(r"secret: (\S+)", "".join(files.values()))))


@pytest.fixture(scope="module")
def default_catalogue():
    return load_catalogue(ROOT)


@pytest.fixture(scope="module")
def files(default_catalogue):
    images = parents_first(default_catalogue.images)
    return export(*images, templates=default_catalogue.templates, **HOSTED)


@pytest.fixture(scope="module")
def tenant(files):
    """A tenant with the export of the default catalogue."""
    projects = {**required_projects(files), "zuul/nodepool": ""}
    system = attach("zuul/nodepool", "distgen-image-zuul-nodepool")
    return load_tenant(files, secrets=secrets(files), projects=projects, system=system)


# --- the export of the default catalogue -------------------------------------------------------


def test_zuul_loads_the_jobs_of_the_default_catalogue_without_an_error(tenant, default_catalogue):
    assert tenant.errors == []
    images, namespaces = len(default_catalogue.images), len(default_catalogue.namespaces)
    assert len(tenant.layout.jobs) == images * 3 + namespaces * 2 + 2 + 2  # and base, noop


@pytest.mark.parametrize(
    ("pipeline", "act"), [("check", "build"), ("gate", "upload"), ("promote", "promote")]
)
def test_a_change_of_an_image_runs_the_jobs_of_it_and_of_what_is_built_on_it(pipeline, act, tenant):
    jobs = tenant.jobs(pipeline, CATALOGUE, ["overlays/zuul/nodepool.yaml"])
    parent = f"distgen-{act}-image-{NODEPOOL}"
    children = {
        f"distgen-{act}-image-zuul-nodepool-{name}-master" for name in ("builder", "launcher")
    }
    assert {*jobs} == {parent, *children}
    assert jobs[parent].dependencies == ()
    assert all(jobs[child].dependencies == (parent,) for child in children)
    secret = ("container_registry_credentials",)
    expected = {} if act == "build" else {f"playbooks/distgen/{act}.yaml": secret}
    assert all(job.secrets == expected for job in jobs.values())
    assert all(
        job.playbooks == tuple(f"playbooks/distgen/{name}.yaml" for name in ("pre", act, "post"))
        for job in jobs.values()
    )


def test_a_change_of_a_page_runs_nothing_and_of_the_lock_everything(tenant, default_catalogue):
    assert tenant.jobs("check", CATALOGUE, ["README.rst"]) == {}
    assert len(tenant.jobs("gate", CATALOGUE, ["distgen.lock"])) == len(default_catalogue.images)


def test_a_job_of_a_change_ahead_provides_what_a_child_requires(tenant):
    jobs = tenant.jobs("gate", CATALOGUE, ["distgen.lock"])
    child, parent = (
        jobs[f"distgen-upload-image-{name}"]
        for name in (f"{NODEPOOL[:-7]}-builder-master", NODEPOOL)
    )
    assert {*parent.provides} < {*child.requires}


def test_another_project_builds_the_images_of_its_branch(tenant):
    (name,) = tenant.jobs("check", "zuul/nodepool", ["setup.cfg"])
    assert name == f"distgen-build-image-{NODEPOOL}"
    assert tenant.jobs("check", "zuul/nodepool", ["setup.cfg"], "stable/x") == {}
    job = tenant.jobs("gate", "zuul/nodepool", ["setup.cfg"])[name]
    assert f"{HOST}/{CATALOGUE}" in job.projects and job.secrets == {}


def test_variables_of_jobs_hold_nothing_that_ansible_would_evaluate(tenant):
    for job in tenant.jobs("gate", CATALOGUE, ["distgen.lock"]).values():
        assert not re.search(r"\{[{%#]", str(job.variables))


# --- streams and branches ----------------------------------------------------------------------


def test_jobs_of_streams_run_for_the_branches_of_their_sources():
    def streamed(stream, ref):
        return image(f"ns/app@{stream}", sources={"app": (f"https://{HOST}/x/app", ref)})

    files = export(streamed("2024.1", "stable/2024.1"), streamed("master", "master"), **HOSTED)
    system = attach("x/app", "distgen-image-ns-app")
    tenant = load_tenant(files, secrets=["ns-registry"], projects={"x/app": ""}, system=system)
    assert tenant.errors == []
    for branch, stream in (("stable/2024.1", "2024.1"), ("master", "master")):
        jobs = tenant.jobs("check", "x/app", ["x"], branch)
        assert [*jobs] == [f"distgen-build-image-ns-app-{stream}"]
    assert tenant.jobs("check", "x/app", ["x"], "stable/2024X1") == {}


def test_jobs_for_other_projects_are_not_kept_to_the_branches_of_the_catalogue():
    """Zuul keeps jobs of a project with two branches to changes of their own branch."""
    app = image("ns/app@2024.1", sources={"app": (f"https://{HOST}/x/app", "stable/2024.1")})
    system = attach("x/app", "distgen-image-ns-app")
    files = export(app, **HOSTED)

    def jobs(files):
        setting = {"secrets": ["ns-registry"], "projects": {"x/app": ""}, "system": system}
        tenant = load_tenant(files, **setting, branches=("master", "other"))
        return [*tenant.jobs("check", "x/app", ["x"], "stable/2024.1")]

    without = {path: text.replace("implied-branch-matchers: false", "implied-branch-matchers: true")
               for path, text in files.items()}  # fmt: skip
    assert (jobs(files), jobs(without)) == (["distgen-build-image-ns-app-2024.1"], [])


def test_a_catalogue_with_branches_has_the_jobs_of_each_branch_there():
    files = export(image("ns/app"))
    tenant = load_tenant(files, secrets=["ns-registry"], branches=("master", "stable/1"))
    assert tenant.errors == []
    for branch in ("master", "stable/1"):
        assert len(tenant.jobs("gate", CATALOGUE, ["distgen.lock"], branch)) == 1
    assert tenant.jobs("gate", CATALOGUE, ["distgen.lock"], "stable/2") == {}


def test_two_namespaces_with_one_name_of_an_image_have_jobs_of_their_own():
    files = export(image("one/app"), image("two/app", "one/app"))
    tenant = load_tenant(files, secrets=["one-registry", "two-registry"])
    assert tenant.errors == []
    jobs = tenant.jobs("gate", CATALOGUE, ["overlays/one/app.yaml"])
    assert sorted(jobs) == [
        "distgen-upload-image-one-app-master",
        "distgen-upload-image-two-app-master",
    ]
    assert jobs["distgen-upload-image-two-app-master"].dependencies == (
        "distgen-upload-image-one-app-master",
    )


@pytest.mark.parametrize(("prefix", "errors"), [("distgen", 1), ("other", 0)])
def test_two_catalogues_of_one_tenant_have_names_of_their_own(prefix, errors):
    second = "\n".join(export(image("ns/app"), prefix=prefix).values())
    tenant = load_tenant(
        export(image("ns/app")), secrets=["ns-registry"], projects={"other/images": second}
    )
    shadowed = [error for error in tenant.errors if "is not permitted to shadow" in error]
    assert bool(shadowed) == bool(errors)


def test_an_image_that_needs_hundreds_of_parents_has_its_job():
    parents = [image(f"ns/p{number}") for number in range(300)]
    child = image("ns/child", *(parent.full_name for parent in parents))
    tenant = load_tenant(export(*parents, child), secrets=["ns-registry"])
    assert tenant.errors == []
    jobs = tenant.jobs("gate", CATALOGUE, ["overlays/ns/child.yaml", "overlays/ns/p7.yaml"])
    assert sorted(jobs) == [
        "distgen-upload-image-ns-child-master",
        "distgen-upload-image-ns-p7-master",
    ]
    assert len(jobs["distgen-upload-image-ns-child-master"].requires) == 300


@pytest.mark.parametrize("branch", ["größe", "a+b(c)", "x|y", "^z", "{{ x }}".replace(" ", "")])
def test_names_of_branches_are_no_patterns(branch):
    app = image("ns/app", sources={"app": (f"https://{HOST}/x/app", branch)})
    system = attach("x/app", "distgen-image-ns-app")
    setting = {"secrets": ["ns-registry"], "projects": {"x/app": ""}, "system": system}
    tenant = load_tenant(export(app, **HOSTED), **setting)
    assert tenant.errors == []
    assert len(tenant.jobs("check", "x/app", ["x"], branch)) == 1
    assert tenant.jobs("check", "x/app", ["x"], "x") == {}


# --- secrets -----------------------------------------------------------------------------------


def test_a_job_with_a_secret_does_not_run_before_the_review():
    files = export(image("ns/app"))
    stolen = "- project: {check: {jobs: [distgen-upload-image-ns-app-master]}}"
    tenant = load_tenant({**files, "zuul.d/stolen.yaml": stolen}, secrets=["ns-registry"])
    with pytest.raises(JobConfigurationError, match="Pre-review pipeline check does not allow"):
        tenant.jobs("check", CATALOGUE, ["distgen.lock"])


@pytest.mark.parametrize("act", ["upload", "promote"])
@pytest.mark.parametrize(("options", "trusted"), [({}, False), (HOSTED, False), (HOSTED, True)])
def test_another_project_cannot_run_a_job_with_a_secret(act, options, trusted):
    """Zuul sees to this itself, unless the job or a parent says that it is post-review."""
    stolen = f"- project: {{gate: {{jobs: [distgen-{act}-image-ns-app-master]}}}}"

    def run(files):
        setting = {"secrets": ["ns-registry"], "projects": {"x/app": stolen}}
        return load_tenant(files, **setting, trusted=trusted).jobs("gate", "x/app", ["x"])

    files = export(image("ns/app"), **options)
    with pytest.raises(JobConfigurationError, match="is not allowed to run job"):
        run(files)
    common = re.sub("    allowed-projects:\n.*\n", "", files["zuul.d/distgen.yaml"])
    common = common.replace("abstract: true", "abstract: true\n    post-review: true", 1)
    assert run({**files, "zuul.d/distgen.yaml": common})


def test_a_secret_reaches_no_playbook_of_another_job(tenant):
    for pipeline in ("gate", "promote"):
        for job in tenant.jobs(pipeline, CATALOGUE, ["distgen.lock"]).values():
            (path,) = job.secrets
            assert path in ("playbooks/distgen/upload.yaml", "playbooks/distgen/promote.yaml")


# --- what this check finds ---------------------------------------------------------------------

FAULTS = {
    "unknown key": ("dependencies:", "dependancies:", "extra keys not allowed"),
    "unknown parent": (
        "parent: distgen-build-images",
        "parent: nothing",
        "Job nothing not defined",
    ),
    "unknown dependency": (
        "name: distgen-build-image-ns-base-master\n        soft",
        "name: distgen-build-image-ns-none-master\n        soft",
        "Job distgen-build-image-ns-none-master not defined",
    ),
    "undefined job": (
        "- distgen-upload-image-ns-app-master:\n            files",
        "- distgen-upload-image-ns-none-master:\n            files",
        "Job distgen-upload-image-ns-none-master not defined",
    ),
    "unknown pipeline": ("    gate:\n", "    gates:\n", "there is no pipeline gates"),
    "unknown semaphore": (
        "    provides:",
        "    semaphore: alone\n    provides:",
        "there is no semaphore alone",
    ),
    "long name": ("provides: ns", "provides: " + "n" * 256, "the database would cut nnn"),
    "unknown project": (
        "required-projects:",
        "required-projects:\n      - opendev.org/no/such",
        'The project "opendev.org/no/such" was not found',
    ),
    "wrong type": ("soft: true", "soft: 'yes'", "expected bool"),
    "not a regular expression": ("^distgen", "(^distgen", "missing )"),
    "unknown anchor": ("*images", "*image", "found undefined alias"),
    "reserved variable": ("distgen_image:", "zuul:", "zuul"),
    "not a variable": ("distgen_image:", "distgen-image:", "distgen-image"),
    "cycle": (
        "name: distgen-build-image-ns-base-master\n    parent: distgen-build-images",
        "name: distgen-build-image-ns-base-master\n    parent: distgen-build-image-ns-base-master",
        "",
    ),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_zuul_finds_a_fault_that_is_put_into_an_export(fault):
    """The words are Zuul's own."""
    old, new, sentence = FAULTS[fault]
    app = image("ns/app", "ns/base", sources={"app": (f"https://{HOST}/x/app", "master")})
    files = export(image("ns/base"), app, **HOSTED)
    setting = {"secrets": ["ns-registry"], "projects": {"x/app": ""}}
    assert load_tenant(files, **setting).errors == []
    paths = [path for path, text in files.items() if old in text]
    assert paths, f"nothing has {old}"
    broken = {
        path: text.replace(old, new) if path in paths else text for path, text in files.items()
    }
    tenant = load_tenant(broken, **setting)
    if tenant.errors:
        assert any(sentence in error for error in tenant.errors), tenant.errors
    else:
        with pytest.raises(Exception, match=re.escape(sentence)):
            tenant.jobs("check", CATALOGUE, ["distgen.lock"])


def test_a_secret_that_is_missing_is_found():
    tenant = load_tenant(export(image("ns/app")))
    assert tenant.errors == ['The secret "ns-registry" was not found.'] * 2
