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


def test_trees_are_kept_while_there_is_room_and_all_are_right(monkeypatch):
    monkeypatch.setattr(kept_trees, "MOST_BYTES", 10_000)
    renderer = Renderer()
    kept = KeptTrees(renderer)
    sizes = {"a": 1, "b": 3000, "c": 1, "d": 1}  # b would take the room that c has
    images = [replace(image(f"ns/{name}"), url=name * size) for name, size in sizes.items()]
    for _ in range(3):
        contents = [kept.tree(one).content("Dockerfile").decode() for one in images]
        assert contents == [one.url for one in images]
    assert "".join(renderer.asked) == "abcdbdbd"


def test_another_image_of_the_same_key_is_rendered():
    renderer = Renderer()
    kept = KeptTrees(renderer)
    first, second = (replace(image("ns/a"), url=url) for url in "xy")
    contents = [kept.tree(one).content("Dockerfile") for one in (first, second, second, first)]
    assert contents == [b"x", b"y", b"y", b"x"]
    assert len(renderer.asked) == 3
