import pytest
from testing.images import image, make_catalogue

from distgen.catalogue.mirrors import git_here
from distgen.catalogue.source_overrides import override_sources, parse_override
from distgen.catalogue.zuul_items import ZuulItem, parse_zuul_items, project_of
from distgen.errors import InputError
from distgen.model.lock import Lock, LockedSource

pytest_plugins = ["testing.commandline"]
NODEPOOL = "https://opendev.org/zuul/nodepool"
SDK = "https://opendev.org/openstack/openstacksdk"
COMMIT = "a" * 40


def sources(speculation):
    return {
        image.key: {source.name: (source.git, source.ref) for source in image.sources}
        for image in speculation.catalogue.images
    }


def test_a_source_is_replaced_in_all_images_or_in_those_named():
    before = make_catalogue(
        "/",
        image("ns/one", sources={"nodepool": (NODEPOOL, "master"), "sdk": (SDK, "master")}),
        image("ns/two", sources={"nodepool": (NODEPOOL, "master")}),
        image("ns/three", sources={"sdk": (SDK, "master")}),
    )
    chosen = [
        parse_override("nodepool=feature/x"),
        parse_override("ns/t*:nodepool=https://f.example/np#fix"),
    ]
    speculation = override_sources(before, chosen, [], Lock())
    assert sources(speculation) == {
        "ns/one@master": {"nodepool": (NODEPOOL, "feature/x"), "sdk": (SDK, "master")},
        "ns/two@master": {"nodepool": ("https://f.example/np", "fix")},
        "ns/three@master": {"sdk": (SDK, "master")},
    }
    assert speculation.images == ("ns/one@master", "ns/two@master")


@pytest.mark.parametrize(
    ("text", "git", "ref"),
    [
        ("x=master", None, "master"),
        ("x=3412,5", None, "refs/changes/12/3412/5"),
        ("x=7/1", None, "refs/changes/07/7/1"),
        ("x=https://f.example/r.git#3412,5", "https://f.example/r.git", "refs/changes/12/3412/5"),
        ("x=git@host:r.git#main", "git@host:r.git", "main"),
    ],
)
def test_what_stands_behind_the_name(text, git, ref):
    assert (parse_override(text).git, parse_override(text).ref) == (git, ref)


@pytest.mark.parametrize(
    "text",
    [
        "x", "x=", "=y", "x=#main", "x=ext::sh#main", "x=--upload-pack=z#main", "x=-b",
        "x=https://u:p@host/r#main", "x=a b", "x=a..b", ":x=main",
    ],
)  # fmt: skip
def test_what_is_no_source_is_refused(text):
    with pytest.raises(InputError) as caught:
        parse_override(text)
    assert "u:p" not in str(caught.value)


def test_changes_replace_the_sources_of_their_project_and_branch():
    before = make_catalogue(
        "/",
        image("ns/one", sources={"nodepool": (f"{NODEPOOL}.git", "master")}),
        image("ns/one@old", sources={"nodepool": (NODEPOOL, "stable/x")}, branch="stable/x"),
        image("ns/two", sources={"sdk": (SDK, COMMIT)}),
        image("ns/two@old", sources={"sdk": (SDK, "x-eol")}, branch="stable/x"),
        image("ns/three", sources={"sdk": (SDK, "feature")}),
    )
    items = [
        ZuulItem("opendev.org/zuul/nodepool", "master", "refs/changes/01/1/1", None),
        ZuulItem("opendev.org/openstack/openstacksdk", "stable/x", "refs/changes/02/2/1", None),
    ]
    assert sources(override_sources(before, [], items, Lock())) == {
        "ns/one@master": {"nodepool": (f"{NODEPOOL}.git", "refs/changes/01/1/1")},
        "ns/one@old": {"nodepool": (NODEPOOL, "stable/x")},
        "ns/two@master": {"sdk": (SDK, COMMIT)},
        "ns/two@old": {"sdk": (SDK, "refs/changes/02/2/1")},
        "ns/three@master": {"sdk": (SDK, "feature")},
    }


def test_a_change_is_fetched_from_its_review_unless_the_lock_found_it_elsewhere():
    before = make_catalogue("/", image("ns/one", sources={"nodepool": (NODEPOOL, "master")}))
    review = "https://review.opendev.org/zuul/nodepool"
    item = ZuulItem("opendev.org/zuul/nodepool", "master", "refs/changes/01/1/1", review)
    speculation = override_sources(before, [], [item], Lock())
    assert sources(speculation)["ns/one@master"]["nodepool"] == (review, item.ref)
    assert speculation.elsewhere == {(review, item.ref): NODEPOOL}
    lock = Lock(sources={(NODEPOOL, item.ref): LockedSource(COMMIT, "2024-05-01T12:00:00Z")})
    speculation = override_sources(before, [], [item], lock)
    assert sources(speculation)["ns/one@master"]["nodepool"] == (NODEPOOL, item.ref)


def test_items_of_gerrit_github_and_gitlab_and_of_branches():
    text = f"""
    zuul:
      items:
        - project: {{name: zuul/nodepool, canonical_name: opendev.org/zuul/nodepool}}
          branch: master
          change: "700001"
          patchset: "12"
          change_url: https://review.opendev.org/c/zuul/nodepool/+/700001
        - project: {{name: zuul/nodepool, canonical_name: opendev.org/zuul/nodepool}}
          branch: master
          change: "700002"
          patchset: "1"
          change_url: https://review.opendev.org/c/zuul/nodepool/+/700002
        - project: {{name: org/app, canonical_name: github.com/org/app}}
          branch: main
          change: 5
          patchset: {COMMIT}
          change_url: https://github.com/org/app/pull/5
        - project: {{name: grp/lib, canonical_name: gitlab.com/grp/lib}}
          branch: main
          change: "9"
          patchset: {COMMIT}
          change_url: https://gitlab.com/grp/lib/merge_requests/9
        - project: {{name: org/post, canonical_name: github.com/org/post}}
          branch: main
          newrev: {COMMIT}
        - project: {{name: org/plain, canonical_name: github.com/org/plain}}
          branch: main
    """
    assert parse_zuul_items(text, "inventory.yaml") == (
        ZuulItem(
            "opendev.org/zuul/nodepool",
            "master",
            "refs/changes/02/700002/1",
            "https://review.opendev.org/zuul/nodepool",
        ),
        ZuulItem("github.com/org/app", "main", "refs/pull/5/head", "https://github.com/org/app"),
        ZuulItem(
            "gitlab.com/grp/lib", "main", "refs/merge-requests/9/head", "https://gitlab.com/grp/lib"
        ),
        ZuulItem("github.com/org/post", "main", COMMIT, None),
    )


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("a: [", "f: the file is not YAML or JSON (line 1)"),
        ("all: {hosts: {}}", "f: there are no zuul.items in it; give the inventory.yaml"),
        ("zuul: {items: [{}]}", "f: an item of zuul.items has no project.canonical_name"),
        (
            "[{project: {canonical_name: a/b}, change: 'x; y', patchset: '1'}]",
            "f: the item of a/b has no change number and patchset",
        ),
    ],
)
def test_what_is_no_inventory_is_a_sentence(text, sentence):
    with pytest.raises(InputError) as caught:
        parse_zuul_items(text, "f")
    assert str(caught.value).startswith(sentence)


@pytest.mark.parametrize(
    ("git", "project"),
    [
        ("https://opendev.org/zuul/nodepool", "opendev.org/zuul/nodepool"),
        ("https://opendev.org/zuul/nodepool.git/", "opendev.org/zuul/nodepool"),
        ("ssh://git@host:29418/a/b", "host:29418/a/b"),
        ("git@github.com:org/app.git", "github.com/org/app"),
    ],
)
def test_repositories_have_the_names_that_zuul_gives_their_projects(git, project):
    assert project_of(git) == project


def test_the_longest_mirror_of_a_repository_wins():
    mirrors = {"https://o.org/": "http://m/all/", "https://o.org/zuul/": "http://m/z/"}
    assert git_here("https://o.org/zuul/zuul", mirrors) == "http://m/z/zuul"
    assert git_here("https://o.org/x/y", mirrors) == "http://m/all/x/y"
    assert git_here("https://p.org/x", mirrors) == "https://p.org/x"


# --- on the command line -----------------------------------------------------------------------

FILES = {
    "templates/app/template.yaml": "description: An application\nvalues: {}\n",
    "templates/app/Dockerfile.j2": """
        FROM scratch
        LABEL source="{{ sources.app.git }} {{ sources.app.checkout }}"
        """,
    "overlays/ns/app.yaml": """
        template: app
        from: scratch
        sources: {app: {git: "https://opendev.invalid/zuul/app", ref: master}}
        """,
    "overlays/ns/namespace.yaml": """
        registry: quay.io/ns
        streams: {master: {}, changes: {speculative: true}}
        """,
}


def test_trees_are_rendered_from_a_change_without_the_network(catalogue, distgen, tmp_path):
    root = catalogue(FILES)
    ran = distgen(root, "render", "-o", tmp_path / "out", "--source", "app=1042,3")
    assert ran.code == 0
    text = (tmp_path / "out/ns/app/master/Dockerfile").read_text()
    assert text.endswith('LABEL source="https://opendev.invalid/zuul/app refs/changes/42/1042/3"\n')
    assert distgen(root, "render", "-o", tmp_path / "out").code == 0
    text = (tmp_path / "out/ns/app/master/Dockerfile").read_text()
    assert text.endswith('LABEL source="https://opendev.invalid/zuul/app master"\n')


def test_maintained_streams_are_not_published_from_a_change(catalogue, distgen):
    root = catalogue(FILES)
    ran = distgen(root, "publish", "--source", "app=1042,3", "--format", "json")
    assert ran.code == 1
    assert {row["stream"]: (row["status"], row["detail"]) for row in ran.json["results"]} == {
        "changes": ("created", ""),
        "master": (
            "refused",
            "its sources were replaced for this run, and its stream is maintained;"
            " publish to a stream that is `speculative: true`",
        ),
    }
    ran = distgen(root, "publish", "--format", "json")
    assert {row["stream"]: row["status"] for row in ran.json["results"]} == {
        "changes": "updated",
        "master": "created",
    }
