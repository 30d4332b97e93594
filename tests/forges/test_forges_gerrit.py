"""Changes of Gerrit: what is pushed to refs/for, and what its web interface is asked."""

import json
import re
from dataclasses import replace
from urllib.parse import parse_qs, urlsplit

import pytest
from testing.dist_git import OPTIONS, ORIGIN, git
from testing.git_server import git_server
from testing.review_hooks import load, save
from testing.reviews import TOKEN, USER, Situation, arrived, commit_on, one, refs, reviews
from testing.servers import Reply, basic, serve

from distgen.forges.records import WITHDRAWAL_NOTE, Account
from distgen.http import HttpPolicy

FIRST, SECOND = {"Dockerfile": "FROM quay.io/a:1\n"}, {"Dockerfile": "FROM quay.io/a:2\n"}


@pytest.fixture
def lab(tmp_path):
    with git_server(tmp_path / "srv", {USER: TOKEN}) as server:
        yield Situation(tmp_path, server, "gerrit")


@pytest.fixture
def web(lab):
    """Gerrit's web interface over the changes that the git server has."""

    names = {"open": "NEW", "abandoned": "ABANDONED", "merged": "MERGED"}

    def answer(request):
        if request.headers.get("authorization") != basic(USER, TOKEN):
            return Reply(401, b"Unauthorized", {"Content-Type": "text/plain"})
        path, query = urlsplit(request.path).path, parse_qs(urlsplit(request.path).query)
        folder = lab.root / "srv/ns/app.git"
        state = load(folder)
        if path == "/a/changes/":
            assert query["q"] == ['project:"ns/app" branch:"master"']
            indexed = [r for r in state["reviews"] if not state.get("behind")]
            return reply([{"_number": r["number"], "status": names[r["state"]]} for r in indexed])
        number, verb = re.fullmatch(r"/a/changes/(\d+)/?(\w*)", path).groups()
        review = state["reviews"][int(number) - 1]
        info = {"_number": int(number), "status": names[review["state"]]}
        if not verb:
            return reply(info)
        if verb == "detail":
            return reply(info | {"messages": review["said"]})
        if review["state"] != {"abandon": "open", "restore": "abandoned"}[verb]:
            text = f"change is {names[review['state']].lower()}\n".encode()
            return Reply(409, text, {"Content-Type": "text/plain; charset=UTF-8"})
        review["state"] = {"abandon": "abandoned", "restore": "open"}[verb]
        review["said"].append({"message": f"{verb}\n\n{json.loads(request.body)['message']}"})
        save(state, folder)
        return reply(info)

    def reply(data):
        return Reply(200, b")]}'\n" + json.dumps(data).encode())

    with serve(answer) as front:
        lab.account = Account(USER, TOKEN, front.url, HttpPolicy(attempts=1))
        yield front


@pytest.fixture
def app(lab):
    return lab.image("ns/app")


@pytest.fixture
def folder(lab, app):
    return lab.repository(app, "master")


def change_id(message):
    (footer,) = re.findall(r"^Change-Id: (I[0-9a-f]{40})$", message, re.MULTILINE)
    return footer


def test_a_change_is_pushed_for_review_with_a_topic_and_a_change_id(lab, app, folder):
    base = refs(folder)["refs/heads/master"]
    result = one(lab.propose({app.key: FIRST}, app))

    assert (result.status, result.parent, result.branch) == ("created", base, "master")
    assert result.detail == "change opened http://review.test/c/ns/app/+/1"
    assert refs(folder) == {"refs/heads/master": base, "refs/changes/01/1/1": result.commit}
    (push,) = arrived(folder)
    assert push["ref"] == "refs/for/master%topic=distgen/master"
    assert push["options"] == {}
    subject, *_, files, trailers = push["message"].split("\n\n")
    assert subject.startswith("ns/app: ")
    assert "Dockerfile: new +1 -0 (FROM)" in files.split("\n")
    assert [line.partition(":")[0] for line in trailers.split("\n")] == [
        "Distgen-Image", "Distgen-Stream", "Distgen-Source", "Distgen-Lock", "Distgen-Version",
        "Change-Id",
    ]  # fmt: skip


def test_running_again_pushes_nothing(lab, app, folder):
    first = one(lab.propose({app.key: FIRST}, app))
    second = one(lab.propose({app.key: FIRST}, app, store="another-machine"))
    assert (second.status, second.commit) == ("unchanged", first.commit)
    assert len(arrived(folder)) == 1


def test_another_change_is_the_next_patch_set_of_the_same_change(lab, app, folder):
    first = one(lab.propose({app.key: FIRST}, app))
    second = one(lab.propose({app.key: SECOND}, app, store="another-machine"))
    assert second.status == "updated"
    (review,) = reviews(folder)
    assert review["commits"] == [first.commit, second.commit]
    assert len({change_id(push["message"]) for push in arrived(folder)}) == 1


def test_another_base_is_another_change_and_the_old_one_is_abandoned(lab, app, folder, web):
    lab.propose({app.key: FIRST}, app)
    commit_on(folder, "master", {"NOTES": "x\n"})
    result = one(lab.propose({app.key: FIRST}, app))
    assert result.status == "created"
    assert [review["state"] for review in reviews(folder)] == ["abandoned", "open"]
    assert len({review["id"] for review in reviews(folder)}) == 2
    assert one(lab.propose({app.key: FIRST}, app)).status == "unchanged"


def test_children_depend_on_the_changes_of_their_parents(lab, app, folder):
    child, grand = lab.image("ns/child", "ns/app"), lab.image("ns/grand", "ns/child", "ns/app")
    folders = [lab.repository(image, "master") for image in (child, grand)]
    trees = {image.key: FIRST for image in (app, child, grand)}
    lab.propose(trees, grand, child, app)

    child_id = change_id(arrived(folder)[0]["message"])
    (childs,), (grands,) = map(arrived, folders)
    assert "Depends-On" not in arrived(folder)[0]["message"]
    assert f"\nDepends-On: {child_id}\nChange-Id: " in childs["message"]
    depends = re.findall(r"^Depends-On: (\S+)$", grands["message"], re.MULTILINE)
    assert depends == [change_id(childs["message"]), child_id]


def test_a_child_proposed_alone_still_names_its_parents_change(lab, app, folder):
    child = lab.image("ns/child", "ns/app")
    there = lab.repository(child, "master")
    results = lab.propose({app.key: FIRST, child.key: FIRST}, app, child)
    alone = one(lab.propose({child.key: FIRST}, child, app))
    assert (alone.status, alone.commit) == ("unchanged", results[1].commit)
    assert len(arrived(there)) == 1


def test_a_child_of_a_parent_with_nothing_to_propose_depends_on_nothing(lab, app, folder):
    child = lab.image("ns/child", "ns/app")
    there = lab.repository(child, "master")
    first = one(lab.propose({app.key: FIRST}, app))
    git("update-ref", "refs/heads/master", first.commit, folder=folder)
    lab.propose({app.key: FIRST, child.key: FIRST}, app, child)
    assert "Depends-On" not in arrived(there)[0]["message"]


def test_a_patch_set_of_a_person_is_left_alone(lab, app, folder, web):
    first = one(lab.propose({app.key: FIRST}, app))
    text = arrived(folder)[0]["message"]
    git("update-ref", "refs/changes/01/1/2", first.commit, folder=folder)
    theirs = commit_on(folder, "refs/changes/01/1/2", {"NOTES": "x\n"}, text)
    before = (refs(folder), reviews(folder))
    result = one(lab.propose({app.key: SECOND}, app))
    assert result.status == "refused"
    assert f"change 1 {web.url}/c/ns/app/+/1 is left alone" in result.detail
    assert theirs[:12] in result.detail
    assert (refs(folder), reviews(folder)) == before


def test_a_patch_set_of_a_person_on_an_earlier_base_gets_no_rival(lab, app, folder, web):
    """When the branch moved on, a second change was opened beside the one somebody worked on."""
    first = one(lab.propose({app.key: FIRST}, app))
    text = arrived(folder)[0]["message"]
    git("update-ref", "refs/changes/01/1/2", first.commit, folder=folder)
    commit_on(folder, "refs/changes/01/1/2", {"NOTES": "x\n"}, text)
    commit_on(folder, "master", {"OTHER": "x\n"})
    result = one(lab.propose({app.key: SECOND}, app))
    assert (result.status, len(reviews(folder))) == ("refused", 1)
    assert "change 1 " in result.detail
    assert reviews(folder)[0]["state"] == "open"


def test_a_change_that_is_not_searchable_yet_is_open(lab, app, folder, web):
    lab.propose({app.key: FIRST}, app)
    state = load(folder)
    save(state | {"behind": True}, folder)
    assert one(lab.propose({app.key: FIRST}, app)).detail.endswith("proposes it already")
    assert one(lab.propose({app.key: SECOND}, app)).status == "updated"
    assert reviews(folder)[0]["said"] == []


def test_a_catalogue_that_goes_back_needs_a_commit_that_gerrit_does_not_know(lab, app, folder):
    """Gerrit's "no new changes" was taken for success while another patch set was proposed."""
    lab.propose({app.key: FIRST}, app)
    second = one(lab.propose({app.key: SECOND}, app))
    before = refs(folder)
    same = one(lab.propose({app.key: FIRST}, app))
    assert same.status == "failed"
    assert same.detail.endswith(
        "Gerrit has this commit already, as an earlier patch set or in another change; "
        "the next commit of the catalogue gives it another name"
    )
    assert refs(folder) == before

    origin = replace(ORIGIN, source="https://example.org/images.git@reverted")
    result = one(lab.propose({app.key: FIRST}, app, options=replace(OPTIONS, provenance=origin)))
    assert result.status == "updated"
    assert reviews(folder)[0]["commits"][1:] == [second.commit, result.commit]


@pytest.mark.parametrize("state", ["abandoned", "merged"])
def test_a_closed_change_that_nobody_may_restore_is_told(lab, app, folder, state):
    lab.propose({app.key: FIRST}, app)
    reviews_state = load(folder)
    reviews_state["reviews"][0]["state"] = state
    save(reviews_state, folder)
    result = one(lab.propose({app.key: SECOND}, app))
    assert result.status == "failed"
    assert "change http://review.test/c/ns/app/+/1 closed" in result.detail
    assert "; restore it, or let its branch move on: " in result.detail


def test_a_committer_that_the_account_is_not_is_told_with_what_to_set(lab, app, folder):
    git("config", "forge.addresses", "bot@example.org", folder=folder)
    result = one(lab.propose({app.key: FIRST}, app))
    assert result.status == "failed"
    assert "distgen@localhost is not registered in your account" in result.detail
    assert "set dist_git.author to an address of the account" in result.detail


def test_nothing_left_to_propose_abandons_the_change(lab, app, folder, web):
    lab.propose({app.key: FIRST}, app)
    publish(lab, app, folder)
    lab.propose({app.key: SECOND}, app)
    result = one(lab.propose({app.key: FIRST}, app))
    assert result.status == "retired"
    assert result.detail.endswith("abandoned, nothing is left to propose")
    last = reviews(folder)[-1]
    assert (last["state"], last["said"]) == (
        "abandoned",
        [{"message": f"abandon\n\n{WITHDRAWAL_NOTE}"}],
    )
    assert one(lab.propose({app.key: FIRST}, app)).status == "unchanged"

    back = one(lab.propose({app.key: SECOND}, app))
    assert (back.status, reviews(folder)[-1]["state"]) == ("updated", "open")


def test_without_a_password_the_command_that_abandons_is_told(lab, app, folder):
    lab.propose({app.key: FIRST}, app)
    publish(lab, app, folder)
    lab.propose({app.key: SECOND}, app)
    result = one(lab.propose({app.key: FIRST}, app))
    assert result.status == "unchanged"
    assert result.detail == (
        f"change 2 {lab.server.url}/c/ns/app/+/2 has nothing left to propose; "
        "abandon it, if it is open: gerrit review --abandon 2,1"
    )


def test_a_change_that_a_person_abandoned_is_not_proposed_again_until_there_is_news(
    lab, app, folder, web
):
    lab.propose({app.key: FIRST}, app)
    state = load(folder)
    state["reviews"][0] |= {"state": "abandoned", "said": [{"message": "Abandoned\n\nNo."}]}
    save(state, folder)
    result = one(lab.propose({app.key: FIRST}, app))
    assert (result.status, reviews(folder)[0]["state"]) == ("unchanged", "abandoned")
    assert "was turned down" in result.detail
    assert one(lab.propose({app.key: SECOND}, app)).status == "updated"
    assert reviews(folder)[0]["state"] == "open"


def test_a_gerrit_that_refuses_is_told_in_its_words(lab, app, folder, web):
    lab.account = replace(lab.account, token="wrong")
    lab.propose({app.key: FIRST}, app)
    result = one(lab.propose({app.key: SECOND}, app))
    assert result.status == "failed"
    assert result.detail == f"{web.url}: Gerrit says Unauthorized"


def test_a_web_interface_behind_a_page_that_asks_for_a_login_is_told(lab, app, folder, web):
    lab.propose({app.key: FIRST}, app)
    with serve(lambda request: Reply(200, b"<html>Sign in</html>")) as page:
        lab.account = replace(lab.account, api=page.url)
        result = one(lab.propose({app.key: SECOND}, app))
    assert result.status == "failed"
    assert result.detail.startswith(f"{page.url}/a/changes/: does not answer as its interface")


def publish(lab, app, folder):
    """Submit the change, as a person does in Gerrit."""
    state = load(folder)
    state["reviews"][-1]["state"] = "merged"
    save(state, folder)
    git("update-ref", "refs/heads/master", state["reviews"][-1]["commits"][-1], folder=folder)
