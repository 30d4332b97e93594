"""Which planned changes are the same in other repositories, but for words of their images."""

from testing.images import image

from distgen.compare.siblings import find_siblings
from distgen.forges.message import Siblings, is_same_text
from distgen.model.published import Change
from distgen.model.rendered import File


def change(name, line, stream="master"):
    before, after = b"FROM x\n", f"FROM x\n{line}\n".encode()
    return Change(
        image=f"ns/{name}",
        stream=stream,
        url=f"dist-git/ns/{name}.git",
        branch=stream,
        status="updated",
        parent="1" * 40,
        write=(File("Dockerfile", after), File(".distgen.json", name.encode())),
        before={"Dockerfile": before, ".distgen.json": b""},
    )


def test_the_same_change_but_for_the_name_is_a_sibling_in_other_repositories():
    changes = [
        change("app", "LABEL name=app"),
        change("app", "LABEL name=app", "2024.1"),
        change("tool", "LABEL name=tool"),
        change("other", "LABEL name=else"),
    ]
    images = [image(each.key) for each in changes]
    siblings = find_siblings(changes, images)
    assert siblings == {
        "ns/app@master": ("ns/tool@master",),
        "ns/app@2024.1": ("ns/tool@master",),
        "ns/tool@master": ("ns/app@2024.1",),
    }


def test_many_siblings_are_counted_and_those_with_an_address_come_first():
    keys = tuple(f"ns/i{number}@master" for number in range(20))
    siblings = Siblings(keys, {"ns/i19@master": "https://forge/x/1"}, are_all=False)
    start = "The same change is proposed in at least 20 other repositories: "
    assert siblings.sentence.startswith(f"{start}[ns/i19@master](https://forge/x/1), ns/i0@master")
    assert siblings.sentence.endswith(" and 10 more.") or siblings.sentence.endswith(", 10 more.")


def test_an_address_that_would_command_markdown_is_no_link():
    siblings = Siblings(("ns/a@master",), {"ns/a@master": "https://forge/x)[y](z"})
    assert "](" not in siblings.sentence


def test_siblings_make_no_other_text():
    body = "- changed\n\nThe same change is proposed in 1 other repository: ns/a@master.\n"
    assert is_same_text(body, "- changed\r\n")
    assert not is_same_text(body, "- other\n")
