"""What the default catalogue publishes, imported: every branch comes out as it was."""

import subprocess
import sys

import pytest
from testing.repositories import branch_files, rendered_files

from distgen.catalogue.load import load_catalogue

pytest_plugins = ["testing.commandline"]


@pytest.fixture(scope="module")
def published(tmp_path_factory):
    """The default catalogue with its dist-git repositories beside it."""
    root = tmp_path_factory.mktemp("published") / "catalogue"
    for words in (("init", "--git", root), ("-C", root, "publish")):
        command = [sys.executable, "-m", "distgen", "-q", *map(str, words)]
        subprocess.run(command, check=True, capture_output=True)
    return load_catalogue(root)


def test_each_branch_of_the_default_catalogue_comes_in_as_it_is(distgen, published, tmp_path):
    root = tmp_path / "new"
    root.mkdir()
    (root / "distgen.yaml").write_text("version: 1\n")
    parents = {}
    for name, namespace in published.namespaces.items():
        images = [image for image in published.images if image.namespace == name]
        streams = [f"--stream={stream.name}={stream.branch}" for stream in namespace.streams]
        urls = dict.fromkeys(f"{published.root}/{image.url}" for image in images)
        ran = distgen(root, "import", *urls, "--namespace", name, *streams)
        assert (ran.code, "refused" in ran.out) == (0, False)
        expected = {
            image.key: branch_files(f"{published.root}/{image.url}", image.stream.branch)
            for image in images
        }
        assert all(files.pop(".distgen.json") for files in expected.values())
        assert rendered_files(root, name) == expected
        parents |= {image.key: {*image.parent_keys} for image in images}
    again = {image.key: {*image.parent_keys} for image in load_catalogue(root).images}
    lost = {key: names - again[key] for key, names in parents.items() if names - again[key]}
    assert again.keys() == parents.keys()
    assert lost == {}
