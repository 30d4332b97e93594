"""Trees that are looked at several times: the same ones, and not more of them than memory has."""

from dataclasses import replace

from testing.images import image

from distgen.model.rendered import File, Tree
from distgen.render import kept_trees
from distgen.render.kept_trees import KeptTrees


class Renderer:
    def __init__(self):
        self.asked = []

    def tree(self, image):
        self.asked.append(image.name)
        return Tree(image.full_name, "master", (File("Dockerfile", image.url.encode()),))


def test_first_trees_are_kept_and_all_are_right(monkeypatch):
    monkeypatch.setattr(kept_trees, "MOST_TREES", 2)
    renderer = Renderer()
    kept = KeptTrees(renderer)
    images = [replace(image(f"ns/{name}"), url=name) for name in "abc"]
    for _ in range(3):
        assert [kept.tree(one).content("Dockerfile") for one in images] == [b"a", b"b", b"c"]
    assert "".join(renderer.asked) == "abccc"


def test_another_image_of_the_same_key_is_rendered():
    renderer = Renderer()
    kept = KeptTrees(renderer)
    first, second = (replace(image("ns/a"), url=url) for url in "xy")
    assert [kept.tree(one).content("Dockerfile") for one in (first, second, first)] == [
        b"x",
        b"y",
        b"x",
    ]
