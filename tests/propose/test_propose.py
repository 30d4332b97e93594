"""What becomes of reviews on every forge: opened, kept current, closed, left to people."""

import json
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest
from testing.dist_git import OPTIONS, ORIGIN, commits, content, git, listing
from testing.git_server import Fault, git_server
from testing.reviews import TOKEN, USER, Situation, arrived, commit_on, one, refs, reviews

from distgen.forges.message import change_id, describe_change, is_commit_of, with_review_message
from distgen.model.published import Change, Statement
from distgen.model.rendered import File

REVIEW = "refs/heads/distgen/master"
FIRST, SECOND = {"Dockerfile": "FROM quay.io/a:1\n"}, {"Dockerfile": "FROM quay.io/a:2\n"}


@pytest.fixture
def lab(tmp_path):
    with git_server(tmp_path / "srv", {USER: TOKEN}) as server:
        yield Situation(tmp_path, server, "gitlab")


@pytest.fixture
def app(lab):
    return lab.image("ns/app")


@pytest.fixture
def folder(lab, app):
    return lab.repository(app, "master")


# --- people ------------------------------------------------------------------------------------


@pytest.mark.parametrize("catalogue", ["as it was", "changed", "published meanwhile"])
def test_a_review_that_a_person_pushed_to_is_theirs(lab, app, folder, catalogue):
    lab.propose({app.key: FIRST}, app)
    ours = refs(folder)[REVIEW]
    theirs = commit_on(folder, REVIEW, {"Dockerfile": "FROM quay.io/mine:1\n"})
    if catalogue == "published meanwhile":
        git("update-ref", "refs/heads/master", ours, folder=folder)
    before = (refs(folder), reviews(folder), arrived(folder))
    result = one(lab.propose({app.key: SECOND if catalogue == "changed" else FIRST}, app))

    assert result.status == ("unchanged" if catalogue == "published meanwhile" else "refused")
    assert result.detail == (
        f"branch distgen/master is left alone, for somebody else pushed {theirs[:12]} to it"
    )
    assert (refs(folder), reviews(folder), arrived(folder)) == before


def test_an_amended_review_is_its_amenders(lab, app, folder):
    first = one(lab.propose({app.key: FIRST}, app))
    text = git("log", "-1", "--format=%B", first.commit, folder=folder)
    tree = git("rev-parse", f"{first.commit}^{{tree}}", folder=folder).strip()
    words = ("commit-tree", tree, "-p", first.parent, "-m", text)
    amended = git(*words, folder=folder).strip()
    git("update-ref", REVIEW, amended, folder=folder)
    assert one(lab.propose({app.key: SECOND}, app)).status == "refused"
    assert refs(folder)[REVIEW] == amended


def test_a_push_that_arrives_meanwhile_is_not_overwritten(lab, app, folder):
    lab.propose({app.key: FIRST}, app)
    theirs = []

    def meddle(request):
        if request.pushes and not theirs:
            theirs.append(commit_on(folder, REVIEW, {"Dockerfile": "FROM quay.io/mine:1\n"}))

    lab.server.meddle = meddle
    result = one(lab.propose({app.key: SECOND}, app))
    assert (result.status, result.commit) == ("refused", result.parent)
    assert f"somebody else pushed {theirs[0][:12]} to it" in result.detail
    assert refs(folder)[REVIEW] == theirs[0]


@pytest.mark.parametrize(
    ("forge_name", "head", "theirs"),
    [
        ("gerrit", "refs/changes/01/1/1", "refs/changes/01/1/2"),
        ("forgejo", "refs/pull/1/head", "refs/pull/1/head"),
    ],
)
def test_what_servers_know_no_lease_for_is_looked_at_again(tmp_path, forge_name, head, theirs):
    with git_server(tmp_path / "srv", {USER: TOKEN}) as server:
        lab = Situation(tmp_path, server, forge_name)
        app = lab.image("ns/app")
        folder = lab.repository(app, "master")
        lab.propose({app.key: FIRST}, app)
        looks = []

        def meddle(request):
            looks.append("git-upload-pack" in request.query)
            if sum(looks) == 2 and looks[-1]:  # the first look was for planning
                git("update-ref", theirs, refs(folder)[head], folder=folder)
                text = arrived(folder)[0]["message"]
                looks.append(commit_on(folder, theirs, {"NOTES": "x\n"}, text) == "")

        lab.server.meddle = meddle
        result = one(lab.propose({app.key: SECOND}, app))
        assert result.status == "refused"
        assert f"somebody else pushed {refs(folder)[theirs][:12]} to it" in result.detail
        assert len(arrived(folder)) == 1


def test_a_person_whose_commits_were_merged_has_no_claim_left(lab, app, folder):
    lab.propose({app.key: FIRST}, app)
    theirs = commit_on(folder, REVIEW, {"NOTES": "x\n"})
    git("update-ref", "refs/heads/master", theirs, folder=folder)
    result = one(lab.propose({app.key: SECOND}, app))
    assert (result.status, result.parent) == ("created", theirs)
    assert content(folder, "NOTES", "distgen/master") == "x\n"


def test_edits_of_the_dist_git_branch_are_refused_as_by_publish(lab, app, folder):
    first = one(lab.propose({app.key: FIRST}, app))
    git("update-ref", "refs/heads/master", first.commit, folder=folder)
    commit_on(folder, "master", {"Dockerfile": "FROM quay.io/mine:1\n"})
    result = one(lab.propose({app.key: SECOND}, app))
    assert result.status == "refused"
    assert [edit.path for edit in result.edits] == ["Dockerfile"]
    merged = one(lab.propose({app.key: SECOND}, app, options=replace(OPTIONS, on_edit="overwrite")))
    assert merged.status == "created"


# --- beginnings --------------------------------------------------------------------------------


def test_missing_branches_are_begun_so_that_reviews_can_stand_on_them(lab, app):
    folder = lab.repository(app)
    old = lab.image("ns/app@2024.1")
    results = lab.propose({app.key: FIRST, old.key: SECOND}, old, app)

    assert [result.status for result in results] == ["created", "created"]
    for branch in ("master", "stable/2024.1"):
        assert listing(folder, branch) == []
        assert len(commits(folder, branch)) == 1
    assert git("log", "--format=%an %s", "stable/2024.1", folder=folder) == (
        "distgen Begin branch stable/2024.1\n"
    )
    assert content(folder, "Dockerfile", "distgen/2024.1") == SECOND["Dockerfile"]
    assert sorted(r["target"] for r in reviews(folder)) == ["master", "stable/2024.1"]
    second_results = lab.propose({app.key: FIRST, old.key: SECOND}, old, app, store="elsewhere")
    assert [result.status for result in second_results] == ["unchanged", "unchanged"]
    assert [r.commit for r in second_results] == [r.commit for r in results]


def test_many_branches_are_begun_at_once(lab):
    """Some failed, for their first commits are the same, and git cannot write one pack twice."""
    images = [lab.image(f"ns/app{number}") for number in range(12)]
    for stream_image in images:
        lab.repository(stream_image)
    trees = {stream_image.key: FIRST for stream_image in images}
    results = lab.propose(trees, *images, options=replace(OPTIONS, jobs=8))
    assert {result.status for result in results} == {"created"}, results


def test_a_branch_that_may_not_be_begun_is_told(lab, app):
    folder = lab.repository(app)
    lab.server.hook("ns/app.git", "pre-receive", "#!/bin/sh\necho reserved >&2\nexit 1\n")
    result = one(lab.propose({app.key: FIRST}, app))
    assert result.status == "failed"
    assert "branch master cannot be begun: reserved" in result.detail
    assert refs(folder) == {}


def test_a_branch_that_may_not_be_begun_is_no_matter_of_the_other_streams(lab, app):
    folder = lab.repository(app, "master")
    old = lab.image("ns/app@2024.1")
    reserved = "#!/bin/sh\ncase $1 in refs/heads/stable/*) echo reserved >&2; exit 1;; esac\n"
    lab.server.hook("ns/app.git", "update", reserved)
    results = lab.propose({app.key: FIRST, old.key: FIRST}, app, old)
    assert [(r.stream, r.status) for r in results] == [("2024.1", "failed"), ("master", "created")]
    assert "branch stable/2024.1 cannot be begun: reserved" in results[0].detail
    assert refs(folder)[REVIEW] == results[1].commit


def test_a_missing_repository_is_told_with_the_command_that_makes_it(lab, app):
    result = one(lab.propose({app.key: FIRST}, app))
    assert result.status == "failed"
    assert "there is no repository, or it is not shown" in result.detail
    assert result.detail.endswith("create it with: glab repo create ns/app")


def test_one_repository_that_fails_leaves_the_others_alone(lab, app, folder):
    lost = lab.image("ns/lost")
    child = lab.image("ns/child", "ns/lost")
    lab.repository(child, "master")
    results = lab.propose({app.key: FIRST, lost.key: FIRST, child.key: FIRST}, app, lost, child)
    assert {r.image: r.status for r in results} == {
        "ns/app": "created", "ns/child": "created", "ns/lost": "failed"
    }  # fmt: skip


# --- dry runs and faults -------------------------------------------------------------------------


def test_a_dry_run_tells_what_would_happen_and_writes_nothing(lab, app, folder):
    old = lab.image("ns/app@2024.1")
    before = refs(folder)
    results = lab.propose({app.key: FIRST, old.key: FIRST}, app, old, dry=True)
    assert [(r.stream, r.status, r.detail) for r in results] == [
        ("2024.1", "created", "branch stable/2024.1 would be begun, and a review opened"),
        ("master", "created", "a review would be opened"),
    ]
    assert refs(folder) == before
    assert not (lab.root / "store").exists()

    result = one(lab.propose({app.key: FIRST}, app))
    before = (refs(folder), arrived(folder))
    assert results[1].commit == result.commit
    assert one(lab.propose({app.key: FIRST}, app, dry=True)).status == "unchanged"
    assert one(lab.propose({app.key: SECOND}, app, dry=True)).status == "updated"
    assert (refs(folder), arrived(folder)) == before


def test_a_push_whose_answer_was_lost_has_arrived(lab, app, folder):
    lab.server.meddle = lambda request: Fault(after=True) if request.pushes else None
    result = one(lab.propose({app.key: FIRST}, app))
    assert result.status == "created"
    assert refs(folder)[REVIEW] == result.commit


@pytest.mark.parametrize("forge_name", ["gitlab", "gerrit", "forgejo"])
def test_another_commit_of_the_catalogue_that_changes_nothing_is_no_news(tmp_path, forge_name):
    """Each commit of the catalogue once brought a new commit into every open review."""
    with git_server(tmp_path / "srv", {USER: TOKEN}) as server:
        lab = Situation(tmp_path, server, forge_name)
        app = lab.image("ns/app")
        folder = lab.repository(app, "master")
        first = one(lab.propose({app.key: FIRST}, app))
        source = "https://example.org/images.git@def"
        later = replace(ORIGIN, source=source, date=1_800_000_000, version="9")
        options = replace(OPTIONS, provenance=later)
        assert one(lab.propose({app.key: FIRST}, app, dry=True, options=options)).commit == (
            first.commit
        )
        second = one(lab.propose({app.key: FIRST}, app, options=options))
        assert (second.status, second.commit) == ("unchanged", first.commit)
        assert len(arrived(folder)) == 1
        signing = replace(options, sign=signs)
        assert one(lab.propose({app.key: FIRST}, app, options=signing)).status == "updated"


@pytest.mark.parametrize("after", [True, False])
def test_a_server_that_fails_once_is_asked_again(tmp_path, after):
    for forge_name in ("gitlab", "gerrit", "forgejo"):
        with git_server(tmp_path / forge_name, {USER: TOKEN}) as server:
            lab = Situation(tmp_path / forge_name, server, forge_name)
            app = lab.image("ns/app")
            folder = lab.repository(app, "master")
            faults = [Fault(502, after=after)]
            server.meddle = lambda request, f=faults: f.pop() if f and request.pushes else None
            assert one(lab.propose({app.key: FIRST}, app)).status == "created"
            assert len(reviews(folder)) == 1


def test_two_runs_at_once_make_one_review(lab, app, folder):
    rival_results = []

    def meddle(request):
        if request.pushes and not rival_results:
            lab.server.meddle = None
            rival_results.append(one(lab.propose({app.key: FIRST}, app, store="other")))

    lab.server.meddle = meddle
    result = one(lab.propose({app.key: FIRST}, app))
    assert result.commit == rival_results[0].commit
    assert {result.status, rival_results[0].status} == {"created"}
    assert len(reviews(folder)) == 1


@pytest.mark.parametrize("forge_name", ["gerrit", "forgejo", "gitea"])
def test_a_run_that_another_was_faster_than_has_nothing_to_do(tmp_path, forge_name):
    with git_server(tmp_path / "srv", {USER: TOKEN}) as server:
        lab = Situation(tmp_path, server, forge_name.replace("gitea", "forgejo"))
        app = lab.image("ns/app")
        folder = lab.repository(app, "master")
        git("config", "forge.dialect", forge_name, folder=folder)

        def meddle(request):
            if request.pushes:
                lab.server.meddle = None
                lab.propose({app.key: FIRST}, app, store="other")

        lab.server.meddle = meddle
        result = one(lab.propose({app.key: FIRST}, app))
        assert result.status == "unchanged"
        assert "1" in result.detail and "proposes it already" in result.detail
        assert len(reviews(folder)) == 1
        assert reviews(folder)[0]["commits"] == [result.commit]


@pytest.mark.parametrize("forge_name", ["gitlab", "gerrit", "forgejo"])
def test_runs_at_once_from_several_machines_share_their_reviews(tmp_path, forge_name):
    with git_server(tmp_path / "srv", {USER: TOKEN}) as server:
        lab = Situation(tmp_path, server, forge_name)
        app, child = lab.image("ns/app"), lab.image("ns/child", "ns/app")
        folders = [lab.repository(app, "master"), lab.repository(child)]

        def run(store, tree):
            return lab.propose({app.key: tree, child.key: tree}, app, child, store=store)

        for tree in (FIRST, SECOND):
            with ThreadPoolExecutor(4) as pool:
                results_by_run = list(pool.map(run, ("a", "b", "c", "d"), [tree] * 4))
            statuses = {result.status for results in results_by_run for result in results}
            assert statuses <= {"created", "updated", "unchanged"}, results_by_run
            assert all(
                [r.commit for r in run_results] == [r.commit for r in results_by_run[0]]
                for run_results in results_by_run
            )
        assert [len(review["commits"]) for f in folders for review in reviews(f)] == [2, 2]


def test_two_runs_from_two_commits_of_the_catalogue_end_with_the_later_push(lab, app, folder):
    lab.propose({app.key: FIRST}, app)
    third = {"Dockerfile": "FROM quay.io/a:3\n"}

    def meddle(request):
        if request.pushes:
            lab.server.meddle = None
            lab.propose({app.key: SECOND}, app, store="other")

    lab.server.meddle = meddle
    result = one(lab.propose({app.key: third}, app))
    assert result.status == "updated"
    assert refs(folder)[REVIEW] == result.commit


def test_a_review_that_another_run_moves_while_it_is_read_is_looked_at_again(lab, app, folder):
    """It was taken for somebody else's, and refused."""
    lab.propose({app.key: FIRST}, app)
    requests = []

    def meddle(request):
        requests.append(request)
        listings = [request for request in requests if request.method == "GET"]
        if len(listings) == 3:  # after the refs and the branch comes the review
            lab.server.meddle = None
            lab.propose({app.key: {"Dockerfile": "FROM quay.io/a:3\n"}}, app)

    lab.server.meddle = meddle
    result = one(lab.propose({app.key: SECOND}, app, store="another"))
    assert lab.server.meddle is None
    assert result.status == "updated"
    assert refs(folder)[REVIEW] == result.commit


def test_each_push_of_a_review_is_told_when_it_begins(lab, app, folder):
    steps = []
    watched = replace(OPTIONS, observe=lambda step, about: steps.append((step, about)))
    first = one(lab.propose({app.key: FIRST}, app, options=watched))
    assert [step for step, _ in steps] == ["started", "planned", "pushing", "result"]
    commit = {"image": "ns/app", "stream": "master", "branch": "master",
              "commit": first.commit, "parent": first.parent}  # fmt: skip
    assert steps[2][1] == {"url": app.url, "attempt": 1, "commits": [commit]}
    steps.clear()
    lab.propose({app.key: FIRST}, app, options=watched)
    assert [step for step, _ in steps] == ["started", "planned", "result"]


def test_no_file_that_a_run_writes_holds_the_token(lab, app, folder):
    lab.propose({app.key: FIRST}, app)
    server_state = json.dumps([arrived(folder), reviews(folder)])
    secrets = (TOKEN, lab.git.secrets[1])
    assert not any(secret in server_state for secret in secrets)
    for path in Path(lab.root).rglob("*"):
        if path.is_file():
            assert not any(secret.encode() in path.read_bytes() for secret in secrets), path


def test_a_server_that_repeats_the_token_does_not_get_it_into_messages(lab, app, folder):
    lab.server.hook("ns/app.git", "pre-receive", f"#!/bin/sh\necho 'no: {TOKEN}' >&2\nexit 1\n")
    result = one(lab.propose({app.key: FIRST}, app))
    assert result.status == "failed"
    assert "no: ***" in result.detail
    assert TOKEN not in result.detail


# --- signatures and interruptions ----------------------------------------------------------------


def signs(content):
    """Sign as ssh does, but for what stands in the signature."""
    return f"-----BEGIN SSH SIGNATURE-----\n{len(content)}\n-----END SSH SIGNATURE-----\n"


@pytest.mark.parametrize("forge_name", ["gitlab", "gerrit"])
def test_commits_of_reviews_are_signed_whatever_their_words(tmp_path, forge_name):
    with git_server(tmp_path / "srv", {USER: TOKEN}) as server:
        lab = Situation(tmp_path, server, forge_name)
        app = lab.image("ns/app")
        folder = lab.repository(app, "master")
        signing = replace(OPTIONS, sign=signs)
        first = one(lab.propose({app.key: FIRST}, app, options=signing))
        assert "\ngpgsig -----BEGIN SSH" in git("cat-file", "commit", first.commit, folder=folder)
        assert one(lab.propose({app.key: FIRST}, app, options=signing)).status == "unchanged"
        assert one(lab.propose({app.key: SECOND}, app, options=signing)).status == "updated"


def test_an_interrupted_run_begins_nothing_more(lab, app, folder):
    interrupted = lab.git
    interrupted.stop.set()
    before = refs(folder)
    result = one(lab.propose({app.key: FIRST}, app, git=interrupted))
    assert result.status == "skipped"
    assert "the run was interrupted" in result.detail
    assert refs(folder) == before


def test_after_a_failure_nothing_more_is_begun_when_asked(lab, app, folder):
    child = lab.image("ns/child", "ns/app")
    there = lab.repository(child, "master")
    lab.server.hook("ns/app.git", "pre-receive", "#!/bin/sh\nexit 1\n")
    fast = replace(OPTIONS, fail_fast=True, jobs=1)
    results = lab.propose({app.key: FIRST, child.key: FIRST}, app, child, options=fast)
    assert [r.status for r in results] == ["failed", "skipped"]
    assert results[1].detail == "not begun, for ns/app@master was failed"
    assert REVIEW not in refs(there)


# --- the text ------------------------------------------------------------------------------------


def change(write=(), before=None, delete=(), lines=(), subject="ns/app: things changed"):
    trailers = "Distgen-Image: ns/app\nDistgen-Stream: master\nDistgen-Source: https://x/@abc"
    message = "\n\n".join(filter(None, (subject, "\n".join(lines), trailers))) + "\n"
    return Change(
        image="ns/app",
        stream="master",
        url="",
        branch="master",
        status="updated",
        parent="1" * 40,
        write=tuple(File(path, text.encode()) for path, text in write),
        delete=tuple(delete),
        message=message,
        author="distgen <distgen@localhost>",
        date=1_700_000_000,
        before={path: text.encode() for path, text in (before or {}).items()},
        tree="2" * 40,
    )


def test_a_body_says_which_lines_and_instructions_changed():
    old = "FROM a\n\nENV A=1\nRUN apt-get install \\\n    curl\n"
    new = "FROM b\n\nENV A=1\nRUN apt-get install \\\n    curl \\\n    git\n"
    proposal = describe_change(
        change(
            [("Dockerfile", new), ("bin/start", "#!/bin/sh\nx\n"), (".distgen.json", "{}\n")],
            {"Dockerfile": old, "gone": "1\n2\n", ".distgen.json": "{ }\n"},
            ["gone"],
            ["base image a -> b", "apt package added: @git_*x", "added bin/start"],
        ),
        65_000,
    )
    assert proposal.title == "ns/app: things changed"
    assert proposal.body == (
        "- base image a -\\> b\n"
        "- apt package added: `@git_*x`\n"
        "\n"
        "### Files\n"
        "\n"
        "- `Dockerfile`: +3 -2 (FROM, RUN)\n"
        "- `bin/start`: new +2 -0\n"
        "- `gone`: deleted +0 -2\n"
        "- `.distgen.json`: +1 -1\n"
        "\n"
        "### `Dockerfile`\n"
        "\n"
        "```diff\n"
        "@@ FROM, line 1 @@\n"
        "-FROM a\n"
        "+FROM b\n"
        "\n"
        "@@ RUN, line 5 @@\n"
        " RUN apt-get install \\\n"
        "-    curl\n"
        "+    curl \\\n"
        "+    git\n"
        "```\n"
        "\n"
        "---\n"
        "Generated by distgen from `https://x/@abc`, as `distgen verify` proves. Change the "
        "catalogue rather than this branch: once somebody else pushes here, distgen leaves this "
        "review alone.\n"
    )


def test_a_body_warns_of_what_is_no_longer_pinned():
    line = "base image no longer pinned: docker.io/a:1 (was sha256:0123)"
    label = 'label `x` added: "@all *"'
    statements = (Statement("lost pin", "", (line,)), Statement("labels", "", (label,)))
    review = replace(
        change([("Dockerfile", "FROM a\n")], lines=[line, label]), statements=statements
    )
    assert describe_change(review, 9_000).body.startswith(
        f'- **Warning:** {line}\n- label \\`x\\` added: `"@all *"`\n'
    )


def test_a_body_names_instructions_of_dockerfiles_only():
    body = describe_change(
        change([("Dockerfiles.md", "FROM a\n"), ("web.Dockerfile", "FROM a\n")]), 9_000
    )
    assert "- `Dockerfiles.md`: new +1 -0\n- `web.Dockerfile`: new +1 -0 (FROM)\n" in body.body


def test_a_body_that_is_too_long_is_cut_between_lines_and_says_so():
    text = "FROM a\n" + "".join(f"RUN echo {'x' * 40} {number}\n" for number in range(500))
    whole = describe_change(change([("Dockerfile", text)]), 65_000).body
    assert len(whole) > 20_000
    for limit in (300, 1_000, 5_000, 19_000):
        body = describe_change(change([("Dockerfile", text)]), limit).body
        assert len(body.encode()) <= limit
        assert "*The rest does not fit here; the commit has it all.*" in body
        assert body.count("```") % 2 == 0
        assert body.endswith("leaves this review alone.\n")
    assert len(describe_change(change([("Dockerfile", text)]), 80).body) <= 80


def test_what_files_hold_cannot_break_out_of_a_body():
    """Escapes do not keep GitHub from names and numbers: it looks for them in the HTML."""
    dockerfile = "FROM a\r\nRUN echo '```' @all \x1b[31m </details>\n<b>@all x\n"
    proposal = describe_change(
        change(
            [("Dockerfile", dockerfile), ("a`b", "x\n"), ("c\n# d", "x\n")],
            lines=["now: LABEL x=@all #1 <b>", "downstream edit of @x/#1 &lt; <b> kept"],
        ),
        9_000,
    )
    assert proposal.body.startswith(
        "- now: `LABEL x=@all #1 <b>`\n"
        "- downstream edit of @&#8203;x/#&#8203;1 \\&lt; \\<b\\> kept\n"
    )
    assert "- `Dockerfile`: new +3 -0 (FROM, RUN, \\<B\\>@&#8203;ALL)\n" in proposal.body
    assert "- ``a`b``: new +1 -0\n- `c # d`: new +1 -0\n" in proposal.body
    assert (
        "````diff\n"
        "@@ FROM, RUN, <B>@ALL, line 1 @@\n"
        "+FROM a\n"
        "+RUN echo '```' @all  [31m </details>\n"
        "+<b>@all x\n"
        "````\n"
    ) in proposal.body


def test_binary_files_and_modes_have_no_lines():
    proposal = describe_change(
        change([("logo.png", "\0\1"), ("run", "x\n")], {"run": "x\n"}), 9_000
    )
    assert "- `logo.png`: new binary\n- `run`: mode\n" in proposal.body


def test_a_message_that_is_the_review_has_its_footers_last_and_another_id():
    was = replace(
        change([("Dockerfile", "FROM a\n")], lines=["base image a added"]), commit="0" * 40
    )
    now = with_review_message(was, ["Depends-On: I1", "Change-Id: I2"], 16_000)
    assert now.message == (
        "ns/app: things changed\n"
        "\n"
        "base image a added\n"
        "\n"
        "Dockerfile: new +1 -0 (FROM)\n"
        "\n"
        "Distgen-Image: ns/app\n"
        "Distgen-Stream: master\n"
        "Distgen-Source: https://x/@abc\n"
        "Depends-On: I1\n"
        "Change-Id: I2\n"
    )
    assert now.commit not in (was.commit, None)
    long = with_review_message(change(lines=["x" * 70] * 1_000), ["Change-Id: I2"], 5_000)
    assert len(long.message) < 5_000
    assert long.message.endswith("(and more)\n\nDistgen-Image: ns/app\nDistgen-Stream: master\n"
                                 "Distgen-Source: https://x/@abc\nChange-Id: I2\n")  # fmt: skip


def test_a_change_id_depends_on_repository_branch_and_base_alone():
    first_id = change_id("ns/app", "master", "1" * 40)
    assert first_id == change_id("ns/app", "master", "1" * 40)
    assert first_id[0] == "I" and len(first_id) == 41
    other_ids = {
        change_id("ns/other", "master", "1" * 40),
        change_id("ns/app", "stable", "1" * 40),
        change_id("ns/app", "master", "2" * 40),
        change_id("ns/app", "master", None),
    }
    assert len(other_ids | {first_id}) == 5


def test_only_distgens_own_commit_is_its_own():
    author = "distgen <distgen@localhost>"
    head = (
        f"tree {'0' * 40}\nparent {'1' * 40}\nauthor {author} 17 +0000\ncommitter {author} 17 +0000"
    )
    text = "s\n\nDistgen-Image: ns/app\nDistgen-Stream: master\n"

    def own(header=head, message=text):
        return is_commit_of(f"{header}\n\n{message}".encode(), "ns/app", "master", author)

    assert own()
    assert not own(head.replace("committer distgen", "committer Pat"))
    assert not own(
        head.replace("committer distgen <distgen@localhost> 17", f"committer {author} 18")
    )
    assert not own(head.replace("distgen@", "pat@"))
    assert not own(head.replace("parent", f"parent {'2' * 40}\nparent"))
    assert not own(message=text.replace("master", "2024.1"))
    assert not own(message="s\n")
