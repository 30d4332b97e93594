"""Publishing to servers over real transports: what is asked, what is told, what never leaks."""

import os
import shutil
from dataclasses import replace

import pytest
from testing.dist_git import (
    GIT,
    OPTIONS,
    WAYS,
    commits,
    content,
    edit,
    git,
    plans,
    run_publish,
    snapshot,
    statuses,
)
from testing.git_server import Fault, git_server
from testing.images import image, tree

from distgen.errors import InputError
from distgen.git.run import isolate
from distgen.publish.options import RepositoryCreation

SECRET = "s3cr3t-TOKEN"


def app(address, name="ns/app"):
    return image(name, url=f"{address}/{{namespace}}/{{image}}.git")


def trees(*images, line="FROM a"):
    return {i.key: tree(i, {"Dockerfile": f"{line}\n"}) for i in images}


def make_repositories(tmp_path, *names):
    """Make empty repositories that a server shows."""
    for name in names:
        git("init", "-q", "--bare", "-b", "master", str(tmp_path / f"served/{name}.git"))
    (tmp_path / "served").mkdir(exist_ok=True)
    return tmp_path / "served"


def person(tmp_path, password):
    """Return the git of somebody whose askpass program knows a password."""
    program = tmp_path / "askpass"
    program.write_text('#!/bin/sh\ncase "$1" in User*) echo bot;; *) echo "$PASSWORD";; esac\n')
    program.chmod(0o755)
    environ = {"GIT_ASKPASS": str(program), "PASSWORD": password, "HOME": str(tmp_path)}
    return isolate({"PATH": os.environ["PATH"], **environ})


def test_a_server_is_published_to_as_a_folder_is(tmp_path):
    root = make_repositories(tmp_path, "ns/app", "ns/other")
    with git_server(root) as server:
        images = [app(server.url), app(server.url, "ns/other"), app(server.url, "ns/app@2024.1")]
        results = run_publish(tmp_path, images, trees(*images))
        assert {result.status for result in results} == {"created"}
        shutil.rmtree(tmp_path / "store")
        results = run_publish(tmp_path, images, trees(*images))
        assert {result.status for result in results} == {"unchanged"}
        theirs = edit(root / "ns/other.git", {"Dockerfile": "FROM mine\n"}, tmp_path)
        results = run_publish(tmp_path, images, trees(*images, line="FROM b"))
    assert statuses(results) == {
        "ns/app@2024.1": "updated",
        "ns/app@master": "updated",
        "ns/other@master": "refused",
    }
    assert commits(root / "ns/other.git")[0] == theirs
    for where in root.glob("ns/*.git"):
        assert git("fsck", "--strict", "--full", folder=where) == ""


def test_a_repository_that_is_made_on_a_forge_shows_the_first_stream(tmp_path):
    """Forges show the branch that they got first; of several at once they took any."""
    root = make_repositories(tmp_path)
    note = '#!/bin/sh\ncut -d " " -f 3 | sort | paste -s -d " " >>"$GIT_DIR/../../got"\n'
    with git_server(root) as server:
        images = [app(server.url), app(server.url, "ns/app@2024.1")]

        def make():
            server.repository("ns/app.git")
            server.hook("ns/app.git", "pre-receive", note)

        options = replace(OPTIONS, creation=lambda repository: RepositoryCreation("", make))
        results = run_publish(tmp_path, images, trees(*images), options)
    assert {result.status for result in results} == {"created"}
    assert (root / "got").read_text() == "refs/heads/master\nrefs/heads/stable/2024.1\n"


def test_the_first_stream_of_a_new_repository_is_created_though_the_others_are_refused(tmp_path):
    """It was told as unchanged, for the branch held it when the plan was made anew."""
    script = '#!/bin/sh\ntest "$1" = refs/heads/master || { echo "not this"; exit 1; }\n'
    with git_server(tmp_path / "srv") as server:
        images = [app(server.url), app(server.url, "ns/app@2024.1")]

        def make():
            server.repository("ns/app.git")
            server.hook("ns/app.git", "update", script)

        options = replace(OPTIONS, creation=lambda repository: RepositoryCreation("", make))
        results = run_publish(tmp_path, images, trees(*images), options)
        by_branch = {result.branch: result for result in results}
        taken = by_branch.pop("master")
        assert (taken.status, taken.detail) == ("created", "")
        assert commits(server.root / "ns/app.git") == [taken.commit]
        (refused,) = by_branch.values()
        assert (refused.status, "not this" in refused.detail) == ("failed", True)


def test_streams_are_pushed_together_or_not_at_all_over_http(tmp_path):
    root = make_repositories(tmp_path, "ns/app")
    script = '#!/bin/sh\ntest "$1" != refs/heads/stable/2024.1 || { echo "not this"; exit 1; }\n'
    with git_server(root) as server:
        server.hook("ns/app.git", "update", script)
        images = [app(server.url), app(server.url, "ns/app@2024.1")]
        results = run_publish(tmp_path, images, trees(*images))
    assert [result.status for result in results] == ["failed", "failed"]
    assert "not this; [remote rejected] (hook declined)" in results[0].detail
    assert git("for-each-ref", folder=root / "ns/app.git") == ""


def test_a_server_without_atomic_pushes_gets_one_stream_after_the_other(tmp_path):
    """It was asked for the same again and again."""
    with git_server(tmp_path / "srv") as server:
        where = server.repository("ns/app.git", receive__advertiseAtomic="false")
        images = [app(server.url), app(server.url, "ns/app@2024.1")]
        results = run_publish(tmp_path, images, trees(*images))
        assert [result.status for result in results] == ["failed", "failed"]
        assert "set receive.advertiseAtomic there, or publish each stream" in results[0].detail
        asked = [request for request in server.requests if "receive-pack" in request.query]
        assert len(asked) <= 2
        assert not any(request.pushes for request in server.requests)
        for stream_image in images:
            (result,) = run_publish(tmp_path, [stream_image], trees(stream_image))
            assert commits(where, result.branch) == [result.commit]


def test_a_server_that_offers_atomic_pushes_no_more_is_not_believed_silently(tmp_path):
    """It took one branch of two, and the other failed as if it had been alone."""
    with git_server(tmp_path / "srv") as server:
        where = server.repository("ns/app.git")
        refuse = "#!/bin/sh\ncase $1 in *2024.1) echo not this; exit 1;; esac\n"
        server.hook("ns/app.git", "update", refuse)
        images = [app(server.url), app(server.url, "ns/app@2024.1")]

        def change_server(step, about):
            if step == "pushing":
                git("config", "receive.advertiseAtomic", "false", folder=where)

        options = replace(OPTIONS, observe=change_server)
        results = run_publish(tmp_path, images, trees(*images), options)
        by_branch = {result.branch: result for result in results}
        taken = by_branch.pop("master")
        assert (taken.status, commits(where)) == ("created", [taken.commit])
        assert taken.detail.endswith(
            "moved this branch alone, though it had offered to move all or none"
        )
        (refused,) = by_branch.values()
        assert refused.status == "failed"
        assert "not this" in refused.detail


def test_a_push_whose_answer_was_lost_is_found_to_have_arrived(tmp_path):
    root = make_repositories(tmp_path, "ns/app")
    with git_server(root) as server:
        server.meddle = lambda request: Fault(after=True) if request.pushes else None
        (result,) = run_publish(tmp_path, [app(server.url)], trees(app(server.url)))
    assert (result.status, result.commit) == ("created", commits(root / "ns/app.git")[0])


@pytest.mark.parametrize("fault", [Fault(), Fault(500), Fault(403, body=b"quota exceeded")])
def test_a_push_that_breaks_is_a_sentence_and_the_rest_goes_on(tmp_path, fault):
    root = make_repositories(tmp_path, "ns/app", "ns/other")
    with git_server(root) as server:
        images = [app(server.url), app(server.url, "ns/other")]
        server.meddle = lambda request: fault if request.pushes and "app" in request.path else None
        broken, unharmed = run_publish(tmp_path, images, trees(*images))
    assert (broken.status, unharmed.status) == ("failed", "created")
    assert broken.detail
    assert "\n" not in broken.detail


def test_a_lost_race_over_http_is_planned_again(tmp_path):
    """One branch of two moved: without leases git 2.39 cuts off what it says of an atomic push."""
    root = make_repositories(tmp_path, "ns/app")
    attempts = []

    def observe(step, about):
        if step == "pushing":
            attempts.append(len(about["commits"]))
            if len(attempts) == 1:
                edit(root / "ns/app.git", {"NOTES": "mine"}, tmp_path)

    with git_server(root) as server:
        images = [app(server.url), app(server.url, "ns/app@2024.1")]
        run_publish(tmp_path, images, trees(*images))
        watched = replace(OPTIONS, observe=observe)
        results = run_publish(tmp_path, images, trees(*images, line="FROM b"), watched)
    assert attempts == [2, 2]
    assert {result.status for result in results} == {"updated"}
    assert content(root / "ns/app.git", "NOTES") == "mine"
    assert content(root / "ns/app.git", "Dockerfile") == "FROM b\n"


def test_a_plan_reads_a_server_and_leaves_nothing(tmp_path):
    root = make_repositories(tmp_path, "ns/app", "ns/new")
    with git_server(root) as server:
        images = [app(server.url), app(server.url, "ns/new")]
        run_publish(tmp_path, images[:1], trees(*images))
        before = snapshot(tmp_path)
        first = plans(tmp_path, images, trees(*images, line="FROM b"))
        second = plans(tmp_path, images, trees(*images, line="FROM b"), store=tmp_path / "store")
        assert snapshot(tmp_path) == before
    assert [change.status for change in first] == ["updated", "created"]
    assert first == second


def test_a_missing_repository_is_told_with_the_command_that_makes_it(tmp_path):
    with git_server(make_repositories(tmp_path, "ns/other")) as server:
        images = [app(server.url), app(server.url, "ns/other")]
        missing, present = run_publish(tmp_path, images, trees(*images))
    assert (missing.status, present.status) == ("failed", "created")
    assert missing.detail == (
        f"{server.url}/ns/app.git: there is no repository; "
        "create it with: git init --bare ns/app.git (on the server)"
    )


def test_a_server_that_is_down_is_a_sentence(tmp_path):
    with git_server(make_repositories(tmp_path)) as server:
        pass
    (result,) = run_publish(tmp_path, [app(server.url)], trees(app(server.url)))
    assert result.status == "failed"
    assert result.detail.startswith(f"{server.url}/ns/app.git: cannot be reached: unable to access")
    assert "\n" not in result.detail


def test_a_page_to_log_in_is_no_repository(tmp_path):
    page = Fault(200, {"Content-Type": "text/html"}, b"<html>Who are you?</html>\n")
    with git_server(make_repositories(tmp_path, "ns/app"), meddle=lambda request: page) as server:
        (result,) = run_publish(tmp_path, [app(server.url)], trees(app(server.url)))
    assert result.detail == (
        f"{server.url}/ns/app.git: answers, but not as a git server; "
        "check the address, and whether you have access"
    )


@pytest.mark.parametrize(
    ("way", "service"),
    [("git", "git-upload-pack"), *((way, "git-receive-pack") for way in WAYS)],
)
def test_what_a_server_says_with_an_error_line_is_shown(tmp_path, way, service):
    """The words `no such` made it a missing repository, and what the server had said was lost."""
    words = "ERR your quota is used up: no such space, ask ops@example.org"
    lines = "".join(f"{len(line) + 4:04x}{line}0000" for line in (f"# service={service}\n", words))
    kind = {"Content-Type": f"application/x-{service}-advertisement"}

    def meddle(request):
        return Fault(200, kind, lines.encode()) if service in request.query else None

    with git_server(make_repositories(tmp_path, "ns/app"), meddle=meddle) as server:
        images, own_git = [app(server.url)], WAYS[way](GIT)
        (result,) = run_publish(tmp_path, images, trees(*images), git=own_git)
    assert result.status == "failed"
    assert words.removeprefix("ERR ") in result.detail


def test_what_only_ssh_can_tell_is_told(tmp_path):
    program = tmp_path / "ssh"
    program.write_text("#!/bin/sh\necho 'bot@host: Permission denied (publickey).' >&2\nexit 255\n")
    program.chmod(0o755)
    tool = isolate({"PATH": os.environ["PATH"], "GIT_SSH": str(program), "HOME": str(tmp_path)})
    image_over_ssh = image("ns/app", url="bot@host:{namespace}/{image}.git")
    (result,) = run_publish(tmp_path, [image_over_ssh], trees(image_over_ssh), git=tool)
    assert result.detail == (
        "bot@host:ns/app.git: cannot be reached: bot@host: Permission denied (publickey)."
    )


def test_a_password_comes_from_the_person_s_own_git(tmp_path):
    root = make_repositories(tmp_path, "ns/app")
    with git_server(root, {"bot": SECRET}) as server:
        protected = app(server.url)
        options = {"git": person(tmp_path, SECRET)}
        assert (
            run_publish(tmp_path, [protected], trees(protected), **options)[0].status == "created"
        )
    leaks = [p for p in tmp_path.rglob("*") if p.is_file() and SECRET.encode() in p.read_bytes()]
    assert leaks == []


@pytest.mark.parametrize("password", [None, "wr0ng-TOKEN"])
def test_a_missing_or_wrong_password_is_a_sentence_without_it(tmp_path, password):
    root = make_repositories(tmp_path, "ns/app")
    tool = person(tmp_path, password) if password else GIT
    with git_server(root, {"bot": SECRET}) as server:
        (result,) = run_publish(tmp_path, [app(server.url)], trees(app(server.url)), git=tool)
    assert result.status == "failed"
    assert "give git a user and password for it" in result.detail
    assert "TOKEN" not in repr(result)


def test_a_token_in_an_address_never_shows(tmp_path):
    with git_server(make_repositories(tmp_path)) as server:
        url = server.url.replace("http://", f"http://{SECRET}@")
        (result,) = run_publish(tmp_path, [app(url)], trees(app(url)))
    assert result.status == "failed"
    assert SECRET not in repr(result)


def test_what_is_not_committed_stays_on_this_machine(tmp_path):
    root = make_repositories(tmp_path, "ns/app")
    dirty = replace(OPTIONS, dirty=("templates/app/new",))
    with git_server(root) as server:
        images = [image("ns/here"), app(server.url)]
        with pytest.raises(InputError, match=r"not committed \(templates/app/new\).*--allow-dirty"):
            run_publish(tmp_path, images, trees(*images), dirty)
        assert run_publish(tmp_path, images[:1], trees(*images), dirty)[0].status == "created"
        allowed = replace(dirty, allow_dirty=True)
        assert run_publish(tmp_path, images[1:], trees(*images), allowed)[0].status == "created"


def test_a_file_address_is_a_folder(tmp_path):
    image_by_url = image("ns/app", url=f"file://{tmp_path}/dist-git/{{namespace}}/{{image}}.git")
    assert run_publish(tmp_path, [image_by_url], trees(image_by_url))[0].status == "created"
    assert content(tmp_path / "dist-git/ns/app.git", "Dockerfile") == "FROM a\n"
