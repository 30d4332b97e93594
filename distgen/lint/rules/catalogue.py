"""The rules that distgen itself checks, by code: what each says, why, and how to satisfy it."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from textwrap import fill

from distgen.lint.rules.catalogue_optional import DEMANDS, Check

_CHECKS = (
    Check(
        "DG001",
        "The Dockerfile cannot be read",
        "error",
        "The tree has no ``Dockerfile``, or BuildKit's parser refuses it: an unknown instruction, "
        "an unterminated heredoc, a ``COPY`` without destination.",
        "No builder would build it, and the other rules cannot see what the parser cannot read.",
        "Correct the template line that the finding names.",
    ),
    Check(
        "DG101",
        "A base, source or download is not pinned",
        "warning",
        "``distgen.lock`` does not hold the digest of an external base, the commit of a source or "
        "the checksum of a download, or the ``FROM`` leaves out the digest that the lock holds.",
        "A tag or branch moves: the same repository would build something else tomorrow.",
        "Run ``distgen lock`` and commit ``distgen.lock``; write ``{{ base.reference }}`` in the "
        "template, which carries the digest.",
    ),
    Check(
        "DG102",
        "The Dockerfile uses a parent that is not declared",
        "error",
        "A ``FROM``, ``COPY --from`` or ``RUN --mount=from`` names an image that is neither "
        "``from`` nor one of ``builders``, or the last stage builds on another image than "
        "``from`` says.",
        "Rebuild order, impact and the lock follow the declared parents; what is not declared is "
        "neither pinned nor rebuilt when it changes.",
        "Declare it in the image's overlay, and let the template say ``{{ base.reference }}`` or "
        "``{{ builders.ROLE.reference }}``.",
    ),
    Check(
        "DG103",
        "A declared parent is not used",
        "error",
        "``from`` or ``builders`` declares an image that no ``FROM``, ``COPY --from`` or mount of "
        "the Dockerfile names.",
        "The image would be rebuilt, and wait, for something that is not in it.",
        "Remove it from the overlay, or use it in the template.",
    ),
    Check(
        "DG104",
        "A parent depends on a build argument",
        "error",
        "A ``FROM``, ``COPY --from`` or mount holds a variable.",
        "What is built then depends on the builder's command line, and nothing can tell from the "
        "repository which parent that is.",
        "Make it a value of the catalogue and render it.",
    ),
    Check(
        "DG105",
        "A parent has no version",
        "error",
        "A parent has no tag, or the tag ``latest``, and no digest.",
        "It is whatever was pushed last.",
        "Name a version in the catalogue, or lock its digest.",
    ),
    Check(
        "DG106",
        "A file that the build copies is not there",
        "error",
        "A source of ``COPY``, ``ADD`` or a bind mount matches no file of the tree, is kept out by "
        "``.dockerignore``, leaves the build context or depends on a build argument. The "
        "``ONBUILD`` instructions of a parent in the catalogue are checked against the tree of "
        "the child.",
        "The repository must build by itself.",
        "Add the file to the template or the image's folder, or correct the path.",
    ),
    Check(
        "DG107",
        "A stage is not there",
        "error",
        "``COPY --from`` or ``RUN --mount=from`` names a stage that does not stand above it.",
        "The builder would look for an image of that name on the Docker Hub.",
        "Correct the name; a stage of another image must be one of ``builders``.",
    ),
    Check(
        "DG108",
        "A URL is added without a checksum",
        "error",
        "``ADD`` fetches a URL without ``--checksum``, or a git repository without a commit.",
        "The content behind a URL can change, by accident or by malice.",
        "Make it one of the image's ``downloads`` and write "
        "``ADD --checksum=sha256:{{ downloads.NAME.sha256 }}``.",
    ),
    Check(
        "DG109",
        "A file that the original build tool makes is not in the tree",
        "warning",
        "The Dockerfile of an image that comes from Kolla takes an archive of sources, plugins or "
        "additions which ``kolla-build`` fetches and packs just before it builds.",
        "Whoever clones the repository cannot build it before that file is there.",
        "Run the command that the finding names in a clone, or build with ``kolla-build``.",
    ),
    Check(
        "DG110",
        "A container list names an image that is not there",
        "warning",
        "The ``container_list`` of a namespace names images as Kolla's which the installed Kolla "
        "does not have.",
        "They are neither rendered nor published, and somebody may wait for them.",
        "Install the Kolla release that the list was written for, or take them off the list.",
    ),
    Check(
        "DG111",
        "The rendering depends on the environment",
        "info",
        "A template asks for an environment variable by its name, as Kolla allows: its own base "
        "image for ``http_proxy``, template overrides and images of a ``docker_dir`` for any.",
        "Another machine may render other files from the same catalogue.",
        "Write the value into the override, and publish where the variable is always the same.",
    ),
    Check(
        "DG112",
        "Images of two streams are published under one name",
        "warning",
        "Kolla gives an image the same registry name and tag in two streams or namespaces; before "
        "release 23 its tag does not say which distribution it is.",
        "Whoever builds both overwrites one with the other.",
        "Give one of the streams another ``tag``, or another ``namespace`` in its Kolla settings.",
    ),
    Check(
        "DG301",
        "A YAML file cannot be read",
        "error",
        "A ``.yaml`` or ``.yml`` file of the tree is no YAML.",
        "It would fail in the container, or in the build system it is for.",
        "Correct the template; run-time templates keep another suffix, such as ``.yaml.j2``.",
    ),
    Check(
        "DG302",
        "A JSON file cannot be read",
        "error",
        "A ``.json`` file of the tree is no JSON.",
        "It would fail in the container, or in the build system it is for.",
        "Correct the template; the ``json`` filter writes any value as JSON.",
    ),
    Check(
        "DG303",
        "A script is not executable",
        "warning",
        "A file begins with ``#!`` but has no executable bit, and the Dockerfile sets none with "
        "``COPY --chmod`` or ``chmod``.",
        "Starting it fails with *permission denied*, usually only at run time.",
        "``chmod +x`` the template's file; the bit is kept. A file that is only sourced needs no "
        "``#!``.",
    ),
    Check(
        "DG304",
        "A file holds what looks like a secret",
        "error",
        "A file holds a private key, a token of a known service, or a URL with a password. "
        "Defaults such as ``changeme`` are not meant.",
        "Dist-git repositories are public and never forget.",
        "Withdraw the secret where it is valid, then mount it at run time or at build time with "
        "``RUN --mount=type=secret``.",
    ),
    Check(
        "DG305",
        "A Python script cannot be read",
        "error",
        "A file that begins with ``#!`` and ``python3`` is no Python.",
        "It would fail in the container.",
        "Correct the template line that the finding names.",
    ),
)

_wrapped = partial(fill, width=98, break_on_hyphens=False)
RULES: Mapping[str, Check] = {
    check.code: check for check in sorted((*_CHECKS, *DEMANDS), key=lambda check: check.code)
}


_INTRODUCTION = """\
What ``distgen lint`` checks by itself. It also runs `hadolint`_ on every Dockerfile (codes ``DL``
and ``SC``) and `shellcheck`_ on every shell script (``SC``).

A namespace's policy may change the level of any code, ignore it, or exempt images from it:

.. code-block:: yaml

   policy:
     roots: [opendev/python-base]
     rules:
       DG203: {level: warning, images: ["opendev/*"], exempt: {opendev/gitea: "has its own"}}
       DL3008: {level: ignore, reason: "the distribution removes old versions"}

``level`` is ``error``, ``warning``, ``info``, ``style`` or ``ignore``, which needs a ``reason``;
``images`` limits what is said to some images; every image under ``exempt`` has its reason. All
further keys are options of the rule.

.. _hadolint: https://github.com/hadolint/hadolint
.. _shellcheck: https://www.shellcheck.net/
"""


def manual() -> str:
    """Return the reference page of all rules, in reStructuredText."""
    head = f"Rules\n=====\n\n{_INTRODUCTION}"
    return "\n".join([head, *(_section(check) for check in RULES.values())])


def _section(check: Check) -> str:
    heading = f"{check.code}: {check.title}"
    when = "always checked" if check.always else "checked where a policy names it"
    if check.code == "DG201":
        when = "checked where a policy has ``roots``"
    options = [f"``{name}``\n   {text}\n" for name, text in check.options.items()]
    return "\n".join(
        [
            f".. _{check.code}:\n\n{heading}\n{'-' * len(heading)}\n",
            f"Level: {check.level}, {when}.\n",
            f"{_wrapped(check.what)}\n",
            f"{_wrapped(f'**Why**: {check.why}')}\n",
            f"{_wrapped(f'**Fix**: {check.fix}')}\n",
            *(["Options:\n", *options] if options else []),
        ]
    )
