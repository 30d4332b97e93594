"""Values that a template prints into a RUN: what a shell would read as more than words is found."""

from __future__ import annotations

import pytest

from distgen.catalogue.load import load_catalogue
from distgen.lint.check import fault, lint
from distgen.lint.work import plan_work
from distgen.model.lock import Lock

TEMPLATE = """
    description: An application
    values:
      packages:
        description: What pip installs
        type: array
        items: {type: string}
        default: ["flask>=3", "requests[socks]", "it's"]
      word: {description: A word, type: string, default: "a>b"}
      script: {description: Commands, type: string, default: "make && make install"}
    """
MACROS = """
    {% macro fetch(url) %}curl -o /a {{ url | sh }} && tar xf /a{% endmacro %}
    {% macro echo(url) %}echo {{ url }} | cat{% endmacro %}
    """
SMALL = {
    "templates/app/template.yaml": TEMPLATE,
    "templates/_shared/m.j2": MACROS,
    "overlays/ns/namespace.yaml": "registry: registry.example.org/ns\nstreams: {main: {}}\n",
    "overlays/ns/tool.yaml": "template: app\nfrom: docker.io/library/debian:12\n",
}
BEGIN = '{% import "_shared/m.j2" as m %}\nFROM {{ base.reference }}\n'


@pytest.fixture
def found(catalogue):
    """Return the findings about values of a Dockerfile that ends in some text."""

    def check(text, **files):
        root = catalogue({**SMALL, "templates/app/Dockerfile.j2": f"{BEGIN}{text}\n", **files})
        loaded = load_catalogue(root)
        findings = lint(plan_work(loaded, Lock(), loaded.images), lambda trees: ())
        assert not [finding for finding in findings if finding.level == "error"]
        return [finding for finding in findings if finding.code == "DG113"]

    return check


def test_a_redirect_that_a_value_makes_is_found_with_its_template_line(found):
    (finding,) = found('RUN pip install \\\n    {{ packages[:2] | join(" ") }}')
    assert finding.message == (
        "'flask>=3 requests[socks]' is printed into RUN, where a shell reads >; print it with `sh`"
    )
    assert (str(finding.origin), finding.level) == ("templates/app/Dockerfile.j2:4", "warning")
    assert finding.line == 4


@pytest.mark.parametrize(
    "text",
    [
        "RUN echo {{ word }}",
        "RUN --mount=type=cache,target=/c echo {{ word }}",
        "RUN true && \\\n  # don't\n  echo x {{ word }}",
        "RUN echo '{{ packages[2] }}'  # '",
        'RUN echo "{{ word }}" {{ word }}',
        "RUN echo \"{{ '$(reboot)' }}\"",
        "RUN echo {{ packages[2] }}ok'",
        "RUN {{ m.echo(word) }}",
        "ONBUILD RUN echo {{ word }}",
        "RUN <<EOF\necho {{ word }}\nEOF",
        "RUN echo {{ word | upper }}",
        "{% if true %}\nRUN echo {{ 'x;y' }}\n{% endif %}",
    ],
)
def test_what_a_shell_reads_as_more_than_words_is_found(found, text):
    assert len(found(text)) == 1


@pytest.mark.parametrize(
    "text",
    [
        "RUN pip install {{ packages | sh }}",
        "RUN pip install \\\n    {{ packages | lines }}",
        "RUN pip install{% for package in packages %} {{ package | sh }}{% endfor %}",
        "RUN pip install {{ packages[1] }}",
        "RUN echo \"{{ word }}\" '{{ word }}'",
        "RUN {{ script }}",
        "RUN --mount=type=cache,target=/c {{ script }}",
        "RUN cd /x && \\\n    {{ script }}",
        "RUN {{ m.fetch(word) }} && true",
        "RUN echo {{ m.fetch(word) | sh }}",
        'RUN ["echo", {{ word | json }}]',
        "RUN cat > /x <<EOF\n{{ word }}\nEOF",
        "LABEL a={{ word | dq }}\nENV A={{ word }}\nRUN echo {{ word | sh }}",
        "{% set quoted %}{{ word }}{% endset %}\nRUN echo {{ quoted | sh }}",
    ],
)
def test_words_and_commands_are_left_alone(found, text):
    assert found(text) == []


def test_a_value_that_a_patch_takes_away_is_not_found(found):
    patch = (
        "--- a/Dockerfile\n+++ b/Dockerfile\n@@ -3,2 +3,2 @@\n"
        " FROM docker.io/library/debian:12\n-RUN echo a>b\n+RUN echo ab\n"
    )
    assert len(found("RUN echo {{ word }}")) == 1
    assert found("RUN echo {{ word }}", **{"overlays/ns/tool/patches/1.patch": patch}) == []


def test_a_policy_can_make_it_an_error_that_stops_publishing(catalogue):
    namespace = SMALL["overlays/ns/namespace.yaml"]
    dockerfile = f"{BEGIN}RUN echo {{{{ word }}}}\n"
    files = {**SMALL, "templates/app/Dockerfile.j2": dockerfile}
    policy = "policy: {rules: {DG113: {level: error}}}\n"
    for added, is_refused in (("", False), (policy, True)):
        loaded = load_catalogue(
            catalogue({**files, "overlays/ns/namespace.yaml": f"{namespace}{added}"})
        )
        work = plan_work(loaded, Lock(), loaded.images)
        (tree,) = map(work.renderer.tree, loaded.images)
        assert ("DG113 'a>b' is printed into RUN" in fault(work)(tree)) == is_refused
