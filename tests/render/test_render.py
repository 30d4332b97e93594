"""Rendering an image: what templates see, what they may not do, and what becomes of their text."""

from __future__ import annotations

import pytest
from testing.rendering import project, texts

from distgen.errors import InputError
from distgen.model.lock import Lock, LockedBase, LockedSource
from distgen.model.words import EXECUTABLE, REGULAR

DEBIAN, GIT = "docker.io/library/debian:12", "https://opendev.org/zuul/nodepool"
COMMIT, DIGEST = "2" * 40, "sha256:" + "1" * 64
LOCK = Lock(
    bases={DEBIAN: LockedBase(DIGEST)},
    sources={(GIT, "master"): LockedSource(COMMIT, "2024-05-01T12:00:00Z", "9.1.0")},
    downloads={"https://example.org/tool.tar.gz": "3" * 64},
)


def line(catalogue, expression: str, values=None, **more) -> str:
    renderer, image = project(catalogue, {"a.txt.j2": expression + "\n"}, values, **more)
    return texts(renderer, image)["a.txt"].removesuffix("\n")


def refusal(catalogue, files: dict[str, str], values=None, **more) -> str:
    renderer, image = project(catalogue, files, values, **more)
    with pytest.raises(InputError) as caught:
        renderer.tree(image)
    return str(caught.value)


# --- what templates see ----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("expression", "printed"),
    [
        ("{{ image.name }} {{ image.namespace }} {{ image.full_name }}", "app opendev opendev/app"),
        ("{{ image.stream }} {{ image.branch }} {{ image.tag }}", "master main latest"),
        ("{{ image.tags | join(' ') }} {{ image.template }}", "latest 1.0 app"),
        ("{{ image.reference }}", "quay.io/opendevorg/app:latest"),
        ("{{ image.description }}", "An app"),
        ("{{ image.url }}", "dist-git/opendev/app.git"),
        ("{{ base.reference }}", f"{DEBIAN}@{DIGEST}"),
        ("{{ base.name }} {{ base.tag }} {{ base.digest }}", f"{DEBIAN[:-3]} 12 {DIGEST}"),
        ("{{ sources.nodepool.git }} {{ sources.nodepool.ref }}", f"{GIT} master"),
        ("{{ sources.nodepool.commit }} {{ sources.nodepool.checkout }}", f"{COMMIT} {COMMIT}"),
        (
            "{{ sources.nodepool.date }} {{ sources.nodepool.version }}",
            "2024-05-01T12:00:00Z 9.1.0",
        ),
        ("{{ downloads.tool.url }}", "https://example.org/tool.tar.gz"),
        ("{{ downloads['tool'].sha256 }}", "3" * 64),
        ("{{ word }} {{ number }} {{ yes }} {{ no }}", "x 3 true false"),
        ("{{ 'v%s-20240101 http://{x}' % number }}", "v3-20240101 http://{x}"),
        ("{{ '%-3s|%05.1f' | format(word, 2) }}", "x  |002.0"),
        ("{{ 'http://{}:{:04d}/20240101'.format(word, number) }}", "http://x:0003/20240101"),
        ("{{ yes ~ '-' ~ number ~ word }}", "true-3x"),
        ("{{ map.key }} {{ map.items() | length }} {{ list[1] }}", "v 1 b"),
    ],
)
def test_a_template_sees(catalogue, expression, printed):
    values = {
        "word": "x",
        "number": 3,
        "yes": True,
        "no": False,
        "map": {"key": "v"},
        "list": ["a", "b"],
    }
    more = {
        "sources": {"nodepool": {"git": GIT, "ref": "master"}},
        "downloads": {"tool": {"url": "https://example.org/tool.tar.gz"}},
    }
    assert line(catalogue, expression, values, lock=LOCK, **more) == printed


def test_without_a_lock_bases_go_by_tag_and_sources_by_ref(catalogue):
    sources = {"nodepool": {"git": GIT, "ref": "master"}}
    text = "{{ base.reference }} {{ sources.nodepool.checkout }} {{ base.digest is none }}"
    assert line(catalogue, text, sources=sources) == f"{DEBIAN} master true"
    renderer, image = project(catalogue, {}, sources=sources)
    tree = renderer.tree(image)
    assert tree.bases == {DEBIAN: None}
    assert tree.sources == {"nodepool": {"git": GIT, "ref": "master", "commit": None}}


def test_the_tree_says_what_it_was_resolved_to(catalogue):
    builder = """
        template: app
        from: scratch
        description: d
    """
    renderer, image = project(
        catalogue,
        {
            "Dockerfile.j2": "{% for role, builder in builders.items() %}\n"
            "{{ role }} {{ builder.reference }}\n{% endfor %}\n",
            "overlays/opendev/builder.yaml": builder,
        },
        lock=LOCK,
        sources={"nodepool": {"git": GIT, "ref": "master"}},
        builders={"build": "opendev/builder", "go": "docker.io/library/golang:1.22-bookworm"},
    )
    tree = renderer.tree(image)
    assert (tree.image, tree.stream) == ("opendev/app", "master")
    assert tree.bases == {
        DEBIAN: DIGEST,
        "docker.io/library/golang:1.22-bookworm": None,
        "quay.io/opendevorg/builder:latest": None,
    }
    assert tree.sources == {
        "nodepool": {"git": GIT, "ref": "master", "commit": COMMIT, "version": "9.1.0"}
    }
    assert texts(renderer, image)["Dockerfile"] == (
        "build quay.io/opendevorg/builder:latest\ngo docker.io/library/golang:1.22-bookworm\n"
    )


def test_scratch_is_a_base_without_tag_or_digest(catalogue):
    renderer, image = project(
        catalogue,
        {"Dockerfile.j2": "FROM {{ base.reference }}\n# {{ base.tag == '' }}\n"},
        **{"from": "scratch"},
    )
    assert texts(renderer, image)["Dockerfile"] == "FROM scratch\n# true\n"
    assert renderer.tree(image).bases == {}


# --- files -----------------------------------------------------------------------------------


def test_files_are_rendered_copied_and_named(catalogue):
    renderer, image = project(
        catalogue,
        {
            "Dockerfile.j2": "FROM {{ base.reference }}\n",
            "etc/{{ image.name }}.conf.j2": "name={{ image.name }}\n",
            "api.conf.j2.raw": "{{ at run time }}  \n\n\n",
            "run.sh": "#!/bin/sh\r\n",
            "logo.bin": b"\x00\xff{{",
        },
    )
    files = {file.path: (file.content, file.mode) for file in renderer.tree(image).files}
    header = (
        "Generated by distgen from templates/app/{} and overlays/opendev/app.yaml; "
        "edit those instead."
    )
    assert files == {
        "Dockerfile": (f"# {header.format('Dockerfile.j2')}\nFROM {DEBIAN}\n".encode(), REGULAR),
        "api.conf.j2": (b"{{ at run time }}  \n\n\n", REGULAR),
        "etc/app.conf": (
            f"# {header.format('etc/{{ image.name }}.conf.j2')}\nname=app\n".encode(),
            REGULAR,
        ),
        "logo.bin": (b"\x00\xff{{", REGULAR),
        "run.sh": (b"#!/bin/sh\r\n", EXECUTABLE),
    }
    assert list(files) == sorted(files)


def test_an_overlay_replaces_adds_and_extends_files(catalogue):
    renderer, image = project(
        catalogue,
        {
            "Dockerfile.j2": "FROM x\n{% block end %}\nCMD a\n{% endblock %}\n",
            "{{ image.name }}.txt": "template\n",
            "kept.txt": "kept\n",
            "overlays/opendev/app/Dockerfile.j2": '{% extends "app/Dockerfile.j2" %}\n'
            "{% block end %}\nCMD b\n{% endblock %}\n",
            "overlays/opendev/app/app.txt": "overlay\n",
            "overlays/opendev/app/more.txt": "more\n",
        },
    )
    assert texts(renderer, image) == {
        "Dockerfile": "FROM x\nCMD b\n",
        "app.txt": "overlay\n",
        "kept.txt": "kept\n",
        "more.txt": "more\n",
    }


def test_patches_come_last_and_in_the_order_of_their_names(catalogue):
    one = "--- a/a.txt\n+++ b/a.txt\n@@ -1 +1 @@\n-app\n+{{ one }}\n"
    two = "--- a/a.txt\n+++ b/a.txt\n@@ -1 +1 @@\n-{{ one }}\n+two \n"
    renderer, image = project(
        catalogue,
        {
            "a.txt.j2": "{{ image.name }}\n",
            "overlays/opendev/app/patches/20.patch": two,
            "overlays/opendev/app/patches/10.patch": one,
        },
    )
    assert texts(renderer, image) == {"a.txt": "two \n"}


@pytest.mark.parametrize(
    ("files", "words"),
    [
        (
            {"{{ '../x' }}": "x"},
            "'../x' is not a path that the tree of opendev/app@master may hold",
        ),
        ({"{{ '/etc/x' }}": "x"}, "'/etc/x' is not a path"),
        ({"{{ '.git/hooks/x' }}": "x"}, "'.git/hooks/x' is not a path"),
        ({"a/{{ '.GIT/x' }}": "x"}, "'a/.GIT/x' is not a path"),
        ({"{{ ['a', '', 'b'] | join('/') }}": "x"}, "'a//b' is not a path"),
        ({"{{ '.distgen.json' }}": "x"}, "'.distgen.json' is not a path"),
        ({"{{ 'a' * 300 }}": "x"}, "has a name of more than 255 bytes, in opendev/app@master"),
        ({"{{ 'é' * 128 }}": "x"}, "has a name of more than 255 bytes, in opendev/app@master"),
        ({"{{ 'a/' * 600 }}b": "x"}, "is a path of more than 1024 bytes, in opendev/app@master"),
        ({"{{ 'a' }}": "x", "{{ 'A' }}": "y"}, "differ only in case"),
        ({"a/x": "x", "A/y": "y"}, "'a/' and 'A/' differ only in case"),
        ({"{{ 'é' }}": "x", "É": "y"}, "'É' and 'é' differ only in case"),
        (
            {"{{ 'caf\u00e9/x' }}": "x", "cafe\u0301/y": "y"},
            r"'caf\xe9/' and 'cafe\u0301/' differ only in how Unicode writes the same letters",
        ),
        ({"{{ 'a%cb' | format(8238) }}": "x"}, r"'a\u202eb' is not a path that the tree of"),
        ({"{{ 'a%cb' | format(133) }}": "x"}, r"'a\x85b' is not a path that the tree of"),
        ({"{{ 'a' }}": "x", "a/b": "y"}, "'a' would be both a file and a folder"),
        ({"{{ image.name }}.txt": "x", "app.txt": "y"}, "both make 'app.txt'"),
        (
            {"{{ image.nmae }}": "x"},
            "templates/app/{{ image.nmae }} (its name):1: there is no `nmae` in it "
            "(opendev/app@master); did you mean `name`?",
        ),
    ],
)
def test_files_that_cannot_stand_in_a_tree(catalogue, files, words):
    assert words in refusal(catalogue, files)


def test_a_patch_cannot_add_what_differs_only_in_case(catalogue):
    patch = "--- /dev/null\n+++ b/A.txt\n@@ -0,0 +1 @@\n+x\n"
    files = {"a.txt": "x\n", "overlays/opendev/app/patches/1.patch": patch}
    assert "'A.txt' and 'a.txt' differ only in case" in refusal(catalogue, files)


# --- mistakes --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("expression", "words"),
    [
        (
            "{{ packges }}",
            "`packges` is not defined (opendev/app@master); did you mean `packages`?",
        ),
        ("{% if packges %}{% endif %}", "`packges` is not defined"),
        ("{% for p in packges %}{% endfor %}", "`packges` is not defined"),
        ("{{ packges | join }}", "`packges` is not defined"),
        ("{{ packges | lines }}", "`packges` is not defined"),
        ("{{ packges | json }}", "`packges` is not defined"),
        ("{{ packges | dq }}", "`packges` is not defined"),
        ("{{ image.nmae }}", "there is no `nmae` in it (opendev/app@master); did you mean `name`?"),
        ("{{ image['nmae'] }}", "there is no `nmae` in it"),
        ("{{ map.kye }}", "there is no `kye` in it (opendev/app@master); did you mean `key`?"),
        ("{{ sources.nodepool }}", "there is no `nodepool` in it"),
        ("{{ packages[7] }}", "has no element 7"),
        ("{{ word | dqq }}", "there is no filter `dqq` (opendev/app@master); did you mean `dq`?"),
        ("{% if true %}{{ word | dqq }}{% endif %}", "there is no filter `dqq`"),
        ("{{ word is defned }}", "there is no test `defned`"),
        ("{% if %}", "expected an expression"),
        ("{% fro x in y %}", "encountered unknown tag 'fro'"),
        ("{{ word", "unexpected end of template"),
        ("{{ packages }}", "a list or map cannot be printed as it is (opendev/app@master); use"),
        ("{{ map }}", "a list or map cannot be printed as it is"),
        ("{{ none }}", "this has no value"),
        ("{{ 'x' ~ none }}", "this has no value"),
        ("{{ 'x' ~ packages }}", "a list or map cannot be printed as it is"),
        ("{{ word.upper }}", "cannot be printed (opendev/app@master); should it be called?"),
        ("{{ word + 1 }}", "TypeError"),
        ("{{ 1 / 0 }}", "division by zero"),
        ("{{ word.index('q') }}", "substring not found"),
        ("{{ 'inf' | float | int }}", "`inf` is not a number that can be written"),
        ("{{ cycler() }}", "at least one item has to be provided"),
        ('{% include "_shared/atp.j2" %}', "no template `_shared/atp.j2` below templates/"),
        ('{% include "../../etc/passwd" %}', "there is no template `../../etc/passwd`"),
        ('{% include "/etc/passwd" %}', "there is no template `/etc/passwd`"),
        ('{% import "os" as os %}', "there is no template `os`"),
        ('{% include "app/a.txt.j2" %}', "includes or calls itself without end"),
    ],
)
def test_a_mistake_is_a_sentence_with_its_line(catalogue, expression, words):
    values = {"packages": ["a"], "word": "x", "map": {"key": 1}}
    files = {
        "templates/_shared/apt.j2": "{% macro x() %}{% endmacro %}",
        "a.txt.j2": f"one\n{expression}\n",
    }
    message = refusal(catalogue, files, values)
    assert message.startswith("templates/app/a.txt.j2:2: ")
    assert words in message
    assert "opendev/app@master" in message


@pytest.mark.parametrize(
    "text",
    [
        "{% block end %}b{% endblock %}\nCMD b\n",
        "{# one #}{% set x = 1 %}\n{{ x }}",
        "\n{% for x in [1, 2] %}{{ x }}{% endfor %}",
        "{% macro m() %}x{% endmacro %}\n{{ m() }}",
        "{% if true %}\nCMD b{% endif %}",
        "{% set y %}y{% endset %}{% filter upper %}\nCMD b\n{% endfilter %}",
        "{% macro m() %}{{ caller() }}{% endmacro %}\n{% call m() %}b{% endcall %}",
        "\n{% if false %}{% block end %}b{% endblock %}{% endif %}",
        "\n{% for x in [1, 2] %}{% block end %}b{% endblock %}{% endfor %}",
        "{% import '_shared/m.j2' as m %}{% with a = 1 %}\n  CMD b{% endwith %}",
    ],
)
def test_what_jinja_drops_outside_of_blocks_is_refused_with_its_line(catalogue, text):
    """It was missing from what was published, and nothing said so."""
    files = {
        "templates/_shared/m.j2": "",
        "Dockerfile.j2": "FROM x\n{% block end %}{% endblock %}\n",
        "overlays/opendev/app/Dockerfile.j2": f'{{% extends "app/Dockerfile.j2" %}}\n{text}\n',
    }
    assert refusal(catalogue, files) == (
        "overlays/opendev/app/Dockerfile.j2:3: what stands here is dropped: a template that extends"
        " another prints its blocks only (opendev/app@master); move it into a block, or remove it"
    )


@pytest.mark.parametrize(
    "text",
    [
        "{# note #}\n\n{% set x = 1 %}\n{% set y %}y{% endset %}{% import '_shared/m.j2' as m %}\n"
        "{% from '_shared/m.j2' import n %}\n  {% macro o() %}o{% endmacro %}\n"
        "{% if x %}{% set z = 2 %}{% endif %}\n{% block end %}CMD {{ x }}{% endblock %}\n",
        "{% block end %}{% for x in [1] %}CMD {{ x }}{% endfor %}{% endblock %}",
    ],
)
def test_what_prints_nothing_may_stand_outside_of_blocks(catalogue, text):
    files = {
        "templates/_shared/m.j2": "{% macro n() %}n{% endmacro %}",
        "Dockerfile.j2": "FROM x\n{% block end %}{% endblock %}\n",
        "overlays/opendev/app/Dockerfile.j2": f'{{% extends "app/Dockerfile.j2" %}}\n{text}\n',
    }
    assert texts(*project(catalogue, files))["Dockerfile"] == "FROM x\nCMD 1\n"


@pytest.mark.parametrize(
    ("is_child", "printed"), [(True, "FROM x\nCMD b\n"), (False, "FROM y\nCMD b\n")]
)
def test_text_beside_a_conditional_extends_is_for_the_other_case(catalogue, is_child, printed):
    own = (
        '{% if child %}{% extends "app/Dockerfile.j2" %}{% endif %}'
        "FROM y\n{% block end %}CMD b{% endblock %}\n"
    )
    files = {
        "Dockerfile.j2": "FROM x\n{% block end %}{% endblock %}\n",
        "overlays/opendev/app/Dockerfile.j2": own,
    }
    rendered = texts(*project(catalogue, files, {"child": is_child}))
    assert rendered["Dockerfile"] == printed


@pytest.mark.parametrize(
    "text",
    [
        "{% if 1 %}\nEXTENDS\n\nFROM y\n{% endif %}\n",
        "{% if 1 %}EXTENDS{% else %}\nEXTENDS\n\nFROM y\n{% endif %}\n",
        "{% if 0 %}EXTENDS{% elif 1 %}EXTENDS{% else %}EXTENDS{% endif %}\n\n\nFROM y\n",
    ],
)
def test_text_of_the_case_that_extends_is_refused(catalogue, text):
    files = {
        "Dockerfile.j2": "FROM x\n{% block end %}{% endblock %}\n",
        "overlays/opendev/app/Dockerfile.j2": text.replace(
            "EXTENDS", '{% extends "app/Dockerfile.j2" %}'
        ),
    }
    message = refusal(catalogue, files)
    assert message.startswith("overlays/opendev/app/Dockerfile.j2:4: what stands here is dropped")


FUNCTION = "['x'] | map('attr', 'format')"


@pytest.mark.parametrize(
    ("expression", "words"),
    [
        (f"{{{{ {FUNCTION} | map('string') | join }}}}", "type function cannot be printed"),
        (f"{{{{ {FUNCTION} | join }}}}", "should it be called?"),
        (f"{{{{ '%s' % ({FUNCTION} | first) }}}}", "type function"),
        (f"{{{{ '%s-%s' | format(1, {FUNCTION} | list) }}}}", "type function"),
        (f"{{{{ [1, {{'a': {FUNCTION} | list}}] | string }}}}", "type function"),
        ("{{ 'x'.upper | string }}", "type builtin_function_or_method"),
        ("{{ image | format }}", "type ImageFacts"),
        ("{{ '%s' | format(image) }}", "type ImageFacts cannot be printed"),
        ("{{ '%(a)s' % {'a': image} }}", "name one of its values"),
        ("{{ '{}'.format(image) }}", "type ImageFacts"),
        ("{{ '{a!r:>9}'.format_map({'a': image}) }}", "type ImageFacts"),
        ("{{ ('{}' | e).format(image) }}", "type ImageFacts"),
        ("{{ image | replace('a', 'b') }}", "type ImageFacts"),
        ("{{ 'a' | replace('a', image) }}", "type ImageFacts"),
        ("{{ 'a' | wordwrap(9, wrapstring=image) }}", "type ImageFacts"),
        ("{{ ['a', 'b'] | join(image) }}", "type ImageFacts"),
        ("{{ [image] | upper }}", "type ImageFacts"),
        ("{{ {'a': image} | urlencode }}", "type ImageFacts"),
        ("{{ {image: 1} | json }}", "type ImageFacts"),
        ("{{ {cycler: 1} | yaml }}", "type type"),
        ("{% filter trim %}{{ self | string }}{% endfilter %}", "type TemplateReference"),
        ("{% macro m() %}{% endmacro %}{{ m | lower }}", "type Macro"),
        ("{% for x in [1] %}{{ loop | title }}{% endfor %}", "type LoopContext"),
        ("{{ [1] | map('upper') | string }}", "type generator cannot be printed"),
        ("{{ {'a': 1}.keys() | e }}", "use list, and join"),
        ("{{ none | string }}", "this has no value"),
        ("{{ '%s %s' | format(none, 1) }}", "this has no value"),
        ("{{ '%s %s' % (none, 1) }}", "this has no value"),
        ("{{ ({'a': 1, 'b': 2}.keys() - ['c']) | join }}", "a set has no order"),
        ("{{ [number | float] | json }}", "not JSON compliant"),
    ],
)
def test_text_that_another_process_would_write_otherwise_is_refused(catalogue, expression, words):
    """An address, Python's own notation or the order of a set was published."""
    message = refusal(catalogue, {"a.txt.j2": f"one\n{expression}\n"}, {"number": "nan"})
    assert message.startswith("templates/app/a.txt.j2:2: ")
    assert words in message


@pytest.mark.parametrize(
    ("expression", "printed"),
    [
        ("{{ '{0.name} {i.tag:>7}'.format(image, i=image) }}", "app  latest"),
        ("{{ '{a}{b!r}'.format_map({'a': 1, 'b': 'c'}) }}", "1'c'"),
        ("{{ [image] | join(attribute='name') }}", "app"),
        ("{{ [1, 2.5, true, 'a'] | join('-') }}", "1-2.5-True-a"),
        ("{{ [[1, none], {'a': 'b'}] | string }}", "[[1, None], {'a': 'b'}]"),
        ("{{ {'a': 1}.items() | list | string }}", "[('a', 1)]"),
        ("{{ {'a': 1, 'b': 'c d'} | urlencode }}", "a=1&b=c+d"),
        ("{{ 3 - 1 }} {{ 3 - 0.5 }}", "2 2.5"),
        ("{{ [image.name] | json }}", '["app"]'),
    ],
)
def test_data_becomes_text(catalogue, expression, printed):
    assert line(catalogue, expression) == printed


@pytest.mark.parametrize("expression", [r"{{ '\ud800' }}", "{{ '%c' | format(56320) }}"])
def test_half_a_character_is_a_sentence(catalogue, expression):
    """No file of UTF-8 can hold one; writing it ended in a traceback."""
    message = refusal(catalogue, {"a.txt.j2": expression})
    assert message.startswith("templates/app/a.txt.j2: it prints U+D")
    assert "one half of a character (opendev/app@master)" in message


def test_a_mistake_in_a_macro_names_who_called_it(catalogue):
    message = refusal(
        catalogue,
        {
            "templates/_shared/apt.j2": "{% macro m(names) %}\n\n{{ names | lines }}{% endmacro %}",
            "a.txt.j2": '\n\n{% import "_shared/apt.j2" as apt %}\n{{ apt.m(pack) }}\n',
        },
        {"packages": ["a"]},
    )
    assert message == (
        "templates/_shared/apt.j2:3: `pack` is not defined (opendev/app@master, "
        "called from templates/app/a.txt.j2:3); did you mean `packages`?"
    )


def test_a_macro_that_needs_the_context_says_so(catalogue):
    message = refusal(
        catalogue,
        {
            "templates/_shared/m.j2": "{% macro x() %}{{ image.name }}{% endmacro %}",
            "a.txt.j2": '{% import "_shared/m.j2" as m %}\n{{ m.x() }}\n',
        },
    )
    assert message == (
        "templates/_shared/m.j2:1: `image` is not visible here (opendev/app@master, "
        "called from templates/app/a.txt.j2:2); import it `with context`, or pass it to the macro"
    )


def test_a_syntax_error_in_an_included_template_names_that(catalogue):
    files = {
        "templates/_shared/m.j2": "one\n\n{% end %}",
        "a.txt.j2": '{% include "_shared/m.j2" %}\n',
    }
    assert refusal(catalogue, files).startswith("templates/_shared/m.j2:3: ")


# --- the sandbox -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    "expression",
    [
        "{{ self.__init__.__globals__ }}",
        "{{ self._TemplateReference__context.environment }}",
        "{{ ''.__class__.__mro__[1].__subclasses__() }}",
        "{{ cycler.__init__.__globals__.os.popen('id').read() }}",
        "{{ image.__class__ }}",
        "{{ image.__slots__ }}",
        "{{ '{0.__class__}'.format(image) }}",
        "{{ '{x.__class__}'.format_map({'x': image}) }}",
        "{{ (image | attr('__class__')).__name__ }}",
        "{{ packages | map(attribute='__class__') | list | join }}",
        "{{ packages.append('x') }}",
        "{{ packages.clear() }}",
        "{{ map.update({'a': 1}) }}",
        "{{ map.pop('key') }}",
        "{% do packages.append('x') %}",
        "{% set image.name = 'x' %}",
        "{{ os.environ }}",
        "{{ environ }}",
        "{{ lipsum() }}",
        "{{ packages | random }}",
        "{{ get_flashed_messages() }}",
        "{% debug %}",
        "{{ range(10 ** 9) | list | length }}",
        "{{ 'x' * 10 ** 9 }}",
        "{{ packages * 10 ** 9 }}",
        "{{ 10 ** 10 ** 10 }}",
        "{{ 9 ** 9 ** 9 ** 9 }}",
        "{{ '%999999999d' % 1 }}",
        "{{ '{:999999999}'.format(1) }}",
        "{{ '%999999999d' | format(1) }}",
        "{{ '%*d' % (10 ** 9, 1) }}",
        "{{ '%.999999999f' % 1 }}",
        "{{ '%(a)999999999d' % {'a': 1} }}",
        "{{ '{:{w}}'.format(1, w=10 ** 9) }}",
        "{{ '{:>{w}}'.format(1, w=10 ** 9) }}",
        "{{ 'x'.ljust(10 ** 9) }}",
        "{{ 'x' | center(10 ** 9) }}",
        "{{ 'x\ny' | indent(10 ** 9) }}",
        "{{ packages | batch(10 ** 9, 'x') | list | length }}",
        "{% for a in range(99999) %}{% for b in range(99999) %}x{% endfor %}{% endfor %}",
        "{% macro m() %}{{ m() }}{% endmacro %}{{ m() }}",
    ],
)
def test_a_template_reaches_nothing(catalogue, expression):
    message = refusal(catalogue, {"a.txt.j2": expression}, {"packages": ["a"], "map": {"key": 1}})
    assert message.startswith("templates/app/a.txt.j2")
    assert "Traceback" not in message


def test_no_image_sees_what_another_left_behind(catalogue):
    """A module of macros kept by Jinja counted on from image to image and file to file."""
    renderer, image = project(
        catalogue,
        {
            "templates/_shared/m.j2": "{% set ns = namespace(n=0) %}{% macro next() %}"
            "{% set ns.n = ns.n + 1 %}{{ ns.n }}{% endmacro %}",
            "a.txt.j2": '{% import "_shared/m.j2" as m %}\n{{ m.next() }}{{ m.next() }}\n',
            "b.txt.j2": '{% from "_shared/m.j2" import next %}\n{{ next() }}\n',
        },
    )
    for _ in range(2):
        assert texts(renderer, image) == {"a.txt": "12\n", "b.txt": "1\n"}


def test_values_that_hold_templates_are_not_rendered_again(catalogue):
    assert line(catalogue, "{{ v }}", {"v": "{{ image.name }} {% raw %}"}) == (
        "{{ image.name }} {% raw %}"
    )
