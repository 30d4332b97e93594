"""The hooks for pre-commit: when they run, and that their commands do what they say."""

import re
import shlex
import shutil
from pathlib import Path

import pytest
import yaml
from testing.commandline import distgen

__all__ = ["distgen"]
ROOT = Path(__file__).parents[2]
HOOKS = {hook["id"]: hook for hook in yaml.safe_load((ROOT / ".pre-commit-hooks.yaml").read_text())}
OF_OVERLAYS = ("overlays/ns/app.yaml", "images/overlays/ns/namespace.yaml")
OF_CATALOGUE = (
    *OF_OVERLAYS,
    *("distgen.yaml", "distgen.lock", "images/distgen.lock", "overlays/ns/app/patches/1.patch"),
    "deep/images/templates/app/Dockerfile.j2",
)
OF_OTHERS = (
    "README.md",
    "overlays.yaml",
    "my-distgen.yaml",
    "myoverlays/ns/app.yaml",
    "distgen.yaml.j2",
)


def test_each_hook_names_a_command_and_gets_no_names_of_files():
    assert sorted(HOOKS) == ["distgen-format", "distgen-lint", "distgen-lock-check"]
    for hook in HOOKS.values():
        assert hook["language"] == "python"
        assert not hook["pass_filenames"]
        assert hook["require_serial"]
        assert shlex.split(hook["entry"])[0] == "distgen"


def test_they_run_when_the_catalogue_changes_and_only_then():
    for name, hook in HOOKS.items():
        runs_for = [path for path in OF_CATALOGUE if re.search(hook["files"], path)]
        assert runs_for == list(OF_OVERLAYS if name == "distgen-format" else OF_CATALOGUE)
        assert not [path for path in OF_OTHERS if re.search(hook["files"], path)]
    assert not re.search(HOOKS["distgen-format"]["files"], "overlays/ns/app/conf.yaml")


@pytest.mark.parametrize("name", sorted(HOOKS))
def test_its_command_takes_the_place_of_the_catalogue_as_arguments(
    tmp_path, name, monkeypatch, distgen
):
    """As with `args: [-C, images]`, for a catalogue that is a folder of the repository."""
    root = tmp_path / "images"
    shutil.copytree(ROOT / "distgen/minimal", root)
    monkeypatch.chdir(tmp_path)
    words = shlex.split(HOOKS[name]["entry"])[1:]
    expected = 1 if name == "distgen-lock-check" else 0  # its lock is empty
    assert distgen(tmp_path, *words).code == 2
    assert distgen(root, *words).code == expected
    file = root / "overlays/example/hello.yaml"
    text = file.read_text()
    file.write_text(text.replace("description: A", "description:   A"))
    assert distgen(tmp_path, *words, "-C", "images").code == expected
    assert (file.read_text() == text) == (name == "distgen-format")
