from dataclasses import replace

import pytest
from testing.images import image, make_catalogue

from distgen.catalogue.mirrors import apply_mirrors, git_here
from distgen.catalogue.source_overrides import override_sources, parse_override
from distgen.catalogue.zuul_changes import item_warnings
from distgen.catalogue.zuul_items import ZuulItem, parse_zuul_items, project_of
from distgen.errors import InputError
from distgen.lock.plan import needs
from distgen.model.catalogue import SourceChange
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


def change(project: str, branch: str, number: int, git: str | None = None) -> ZuulItem:
    ref = f"refs/changes/{number:02}/{number}/1"
    return ZuulItem(project, branch, ref, git, change=f"{number},1")


def merged(git: str, *items: ZuulItem) -> tuple[SourceChange, ...]:
    return tuple(SourceChange(item.git or git, item.ref, item.commit) for item in items)


def changes(speculation):
    return {
        (image.key, source.name): source.changes
        for image in speculation.catalogue.images
        for source in image.sources
        if source.changes
    }


def test_changes_are_merged_into_the_branch_that_they_are_of():
    before = make_catalogue(
        "/",
        image("ns/one", sources={"nodepool": (f"{NODEPOOL}.git", "master")}),
        image("ns/one@old", sources={"nodepool": (NODEPOOL, "stable/x")}, branch="stable/x"),
        image("ns/two", sources={"sdk": (SDK, COMMIT)}),
        image("ns/two@old", sources={"sdk": (SDK, "x-eol")}, branch="stable/x"),
        image("ns/three", sources={"sdk": (SDK, "feature")}),
    )
    first = change("opendev.org/zuul/nodepool", "master", 1)
    other = change("opendev.org/openstack/openstacksdk", "stable/x", 2)
    second = change("opendev.org/zuul/nodepool", "master", 3)
    speculation = override_sources(before, [], [first, other, second], Lock())
    assert sources(speculation) == {
        "ns/one@master": {"nodepool": (f"{NODEPOOL}.git", "refs/heads/master")},
        "ns/one@old": {"nodepool": (NODEPOOL, "stable/x")},
        "ns/two@master": {"sdk": (SDK, COMMIT)},
        "ns/two@old": {"sdk": (SDK, "refs/heads/stable/x")},
        "ns/three@master": {"sdk": (SDK, "feature")},
    }
    assert changes(speculation) == {
        ("ns/one@master", "nodepool"): merged(f"{NODEPOOL}.git", first, second),
        ("ns/two@old", "sdk"): merged(SDK, other),
    }


def test_the_pin_of_a_maintained_branch_is_not_the_tip_that_changes_are_merged_into():
    before = make_catalogue("/", image("ns/one", sources={"nodepool": (NODEPOOL, "master")}))
    items = [change("opendev.org/zuul/nodepool", "master", 1)]
    pin = Lock(sources={(NODEPOOL, "master"): LockedSource(COMMIT, "2024-05-01T12:00:00Z")})
    speculation = override_sources(before, [], items, pin)
    assert sources(speculation)["ns/one@master"]["nodepool"] == (NODEPOOL, "refs/heads/master")
    keys = {(need.name, need.ref) for need in needs(speculation.catalogue.images)}
    assert keys >= {(NODEPOOL, "refs/heads/master"), (NODEPOOL, "refs/changes/01/1/1")}


def test_what_was_pushed_is_where_changes_are_merged():
    before = make_catalogue(
        "/",
        image("ns/one", sources={"nodepool": (NODEPOOL, "master")}),
        image("ns/two", sources={"nodepool": (NODEPOOL, "2.9.0")}),
    )
    project = "opendev.org/zuul/nodepool"
    tag = ZuulItem(project, "", "b" * 40, tag="2.9.0")
    later = change(project, "master", 1)
    items = [ZuulItem(project, "master", COMMIT), later, tag]
    speculation = override_sources(before, [], items, Lock())
    assert sources(speculation) == {
        "ns/one@master": {"nodepool": (NODEPOOL, COMMIT)},
        "ns/two@master": {"nodepool": (NODEPOOL, "b" * 40)},
    }
    assert changes(speculation) == {("ns/one@master", "nodepool"): merged(NODEPOOL, later)}


def test_a_source_that_both_options_replace_is_refused():
    before = make_catalogue("/", image("ns/one", sources={"nodepool": (NODEPOOL, "master")}))
    items = [change("opendev.org/zuul/nodepool", "master", 1)]
    with pytest.raises(InputError) as caught:
        override_sources(before, [parse_override("nodepool=feature/x")], items, Lock())
    assert str(caught.value) == (
        "--source nodepool=feature/x: zuul.items replaces this source of ns/one as well,"
        " by the change 1,1 of opendev.org/zuul/nodepool; leave out --source, or the item"
    )
    other_branch = [change("opendev.org/zuul/nodepool", "stable/x", 1)]
    override_sources(before, [parse_override("nodepool=feature/x")], other_branch, Lock())


def test_a_change_is_fetched_from_its_review_unless_the_lock_found_it_elsewhere():
    before = make_catalogue("/", image("ns/one", sources={"nodepool": (NODEPOOL, "master")}))
    review = "https://review.opendev.org/zuul/nodepool"
    item = change("opendev.org/zuul/nodepool", "master", 1, review)
    speculation = override_sources(before, [], [item], Lock())
    assert changes(speculation)["ns/one@master", "nodepool"] == merged(review, item)
    assert speculation.elsewhere == {(review, item.ref): NODEPOOL}
    lock = Lock(sources={(NODEPOOL, item.ref): LockedSource(COMMIT, "2024-05-01T12:00:00Z")})
    speculation = override_sources(before, [], [item], lock)
    assert changes(speculation)["ns/one@master", "nodepool"] == (SourceChange(NODEPOOL, item.ref),)


def test_changes_come_from_mirrors_as_their_sources_do():
    before = make_catalogue("/", image("ns/one", sources={"nodepool": (NODEPOOL, "master")}))
    review = "https://review.opendev.org/zuul/nodepool"
    item = change("opendev.org/zuul/nodepool", "master", 1, review)
    catalogue = override_sources(before, [], [item], Lock()).catalogue
    mirrors = {"git": {"https://review.opendev.org/": "http://m/"}}
    here, _ = apply_mirrors(replace(catalogue, mirrors=mirrors), Lock())
    assert here.images[0].sources[0].changes[0].git == "http://m/zuul/nodepool"


def test_items_without_effect_are_named_with_the_reason():
    images = (
        image("ns/app", sources={"nodepool": (NODEPOOL, "master")}),
        replace(image("ns/tool"), values={"pip": ["Diskimage_Builder[x]==3.43.0"]}),
        image("ns/sdk", sources={"sdk": (SDK, "master")}),
    )
    items = [
        change("opendev.org/openstack/diskimage-builder", "master", 1),
        change("opendev.org/zuul/nodepool", "master", 2),
        change("opendev.org/zuul/nodepool", "stable/x", 3),
        change("opendev.org/openstack/openstacksdk", "master", 4),
        ZuulItem("opendev.org/zuul/nodepool", "master", ""),
        ZuulItem("opendev.org/zuul/nodepool", "", COMMIT, tag="2.9.0"),
        ZuulItem("opendev.org/x/y", "main", COMMIT),
    ]
    assert item_warnings(items, images, {"ns/app@master", "ns/tool@master"}) == (
        "the change 1,1 of opendev.org/openstack/diskimage-builder has no effect:"
        " no selected image is built from that project,"
        " and Diskimage_Builder[x]==3.43.0 is in ns/tool",
        "the change 3,1 of opendev.org/zuul/nodepool has no effect:"
        " it is of stable/x, and built is ns/app from master",
        "the change 4,1 of opendev.org/openstack/openstacksdk has no effect:"
        " ns/sdk is not selected",
        "the branch master of opendev.org/zuul/nodepool has no effect:"
        " it names no change and no commit",
        "the tag 2.9.0 of opendev.org/zuul/nodepool has no effect:"
        " it is of 2.9.0, and built is ns/app from master",
        "the branch main of opendev.org/x/y has no effect:"
        " no selected image is built from that project",
    )


def test_a_change_that_some_images_take_as_a_release_is_named_too():
    images = (
        image("ns/sdk", sources={"sdk": (SDK, "master")}),
        replace(image("ns/tool"), values={"pip": ["openstacksdk>=4"], "words": "openstacksdk>=4"}),
    )
    items = [change("opendev.org/openstack/openstacksdk", "master", 4)]
    assert item_warnings(items, images, {"ns/sdk@master", "ns/tool@master"}) == (
        "the change 4,1 of opendev.org/openstack/openstacksdk has no effect on ns/tool,"
        " with openstacksdk>=4 in it",
    )


def test_items_of_gerrit_github_and_gitlab_and_of_branches():
    text = f"""
    zuul:
      items:
        - &first
          project: {{name: zuul/nodepool, canonical_name: opendev.org/zuul/nodepool}}
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
        - *first
        - project: {{name: grp/lib, canonical_name: gitlab.com/grp/lib}}
          branch: main
          change: "9"
          patchset: {COMMIT}
          change_url: https://gitlab.com/grp/lib/merge_requests/9
        - project: {{name: org/post, canonical_name: github.com/org/post}}
          branch: main
          newrev: {COMMIT}
        - project: {{name: org/gone, canonical_name: github.com/org/gone}}
          branch: main
          oldrev: {COMMIT}
          commit_id: {COMMIT}
        - project: {{name: org/rel, canonical_name: github.com/org/rel}}
          tag: "2.9.0"
          newrev: {COMMIT}
    """
    review = "https://review.opendev.org/zuul/nodepool"
    first, second = ("refs/changes/01/700001/12", "refs/changes/02/700002/1")
    assert parse_zuul_items(text, "inventory.yaml") == (
        ZuulItem("opendev.org/zuul/nodepool", "master", first, review, change="700001,12"),
        ZuulItem("opendev.org/zuul/nodepool", "master", second, review, change="700002,1"),
        ZuulItem(
            *("github.com/org/app", "main", "refs/pull/5/head"),
            *("https://github.com/org/app", COMMIT, "5"),
        ),
        ZuulItem(
            *("gitlab.com/grp/lib", "main", "refs/merge-requests/9/head"),
            *("https://gitlab.com/grp/lib", COMMIT, "9"),
        ),
        ZuulItem("github.com/org/post", "main", COMMIT),
        ZuulItem("github.com/org/gone", "main", ""),
        ZuulItem("github.com/org/rel", "", COMMIT, tag="2.9.0"),
    )


@pytest.mark.parametrize(
    ("page", "git"),
    [
        ("https://review.example.org/700001", "https://review.example.org/zuul/nodepool"),
        ("https://h.org:8443/r/c/zuul/nodepool/+/7", "https://h.org:8443/r/zuul/nodepool"),
        (
            "https://u:p@gitlab.org/zuul/nodepool/merge_requests/7",
            "https://gitlab.org/zuul/nodepool",
        ),
        ("ssh://review.example.org/7", None),
        ("", None),
    ],
)
def test_the_page_of_a_change_tells_its_repository(page, git):
    project = "{name: zuul/nodepool, canonical_name: opendev.org/zuul/nodepool}"
    text = f"[{{project: {project}, branch: master, change: 7, patchset: 1, change_url: '{page}'}}]"
    (item,) = parse_zuul_items(text, "items.yaml")
    assert item.git == git


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
        (
            "[{project: {canonical_name: a/b}, change: '7'}]",
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


INVENTORY = """
zuul:
  items:
    - project: {name: zuul/app, canonical_name: opendev.invalid/zuul/app}
      branch: master
      change: "1042"
      patchset: "3"
    - project: {name: zuul/other, canonical_name: opendev.invalid/zuul/other}
      branch: master
      change: "7"
      patchset: "1"
"""


def test_a_template_that_does_not_merge_changes_is_refused(catalogue, distgen, tmp_path):
    """It would build the tip of the branch, and the job would test nothing."""
    root = catalogue({**FILES, "inventory.yaml": INVENTORY})
    words = ("render", "-o", tmp_path / "out", "--zuul-items", root / "inventory.yaml")
    ran = distgen(root, *words)
    assert ran.code == 2
    assert "template app does not merge refs/changes/42/1042/3 into the source app" in ran.err
    assert not (tmp_path / "out").exists()
    text = (
        "FROM scratch\n"
        "LABEL source='{% for change in sources.app.changes %}{{ change.ref }} {% endfor %}'\n"
    )
    (root / "templates/app/Dockerfile.j2").write_text(text)
    ran = distgen(root, *words)
    assert ran.code == 0, ran.err
    assert "warning: the change 7,1 of opendev.invalid/zuul/other has no effect" in ran.err
    text = (tmp_path / "out/ns/app/master/Dockerfile").read_text()
    assert "LABEL source='refs/changes/42/1042/3 '" in text
    manifest = (tmp_path / "out/ns/app/master/.distgen.json").read_text()
    assert '"changes": "https://opendev.invalid/zuul/app#refs/changes/42/1042/3"' in manifest


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


@pytest.mark.parametrize("text", ["[" * 5000 + "]" * 5000, "a: " + "9" * 5000, "a: 2001-99-99"])
def test_yaml_that_python_cannot_read_is_one_sentence(text):
    with pytest.raises(InputError, match="the file is nested too deeply"):
        parse_zuul_items(text, "items.yaml")
