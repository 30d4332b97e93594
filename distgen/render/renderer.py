"""Render an image: its templates, values and the lock become the files of its tree."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import cached_property
from typing import Any

from distgen.errors import InputError
from distgen.exports.repository_records import RepositoryFile
from distgen.model.catalogue import Catalogue, Image, TemplateFile
from distgen.model.lock import Lock
from distgen.model.rendered import File, LineAnnotation, PrintedText, Tree
from distgen.model.stored import images_by_key
from distgen.model.words import EXECUTABLE, REGULAR, SYMLINK, Folding, Origin
from distgen.render.annotate import Annotations, annotate_lines
from distgen.render.archives import archive_files
from distgen.render.compiled import (
    CompiledFile,
    compile_source,
    has_expression,
    header_origins,
)
from distgen.render.components import has_component
from distgen.render.context import base_digests, template_context
from distgen.render.environment import (
    TEMPLATES,
    Sandbox,
    compile_file,
    make_sandbox,
    render_raw,
    render_text,
)
from distgen.render.exported import (
    annotate_exported,
    exported_files,
    exported_names,
    render_exported,
)
from distgen.render.linemap import LineMarks, Origins, match_origins
from distgen.render.normalize import normalize, printed_rows, source_rows
from distgen.render.patch import Row, apply_patches
from distgen.render.paths import check_links, check_paths
from distgen.render.printed import ValueMarks
from distgen.render.source_changes import check_changes, format_changes
from distgen.render.unidiff import split_lines

MAX_TREE = 64 * 2**20
MAX_COMPILED = 1000  # thousands of images may have templates of their own


class Renderer:
    """The renderer of one catalogue; it compiles each template once, at its first use."""

    def __init__(self, catalogue: Catalogue, lock: Lock) -> None:
        self._catalogue = catalogue
        self._lock = lock
        self._sandbox = make_sandbox(catalogue.shared)
        self._compiled_files: dict[str, CompiledFile] = {}
        self._last_inputs: tuple[Image, tuple[str, ...]] | None = None

    def tree(self, image: Image) -> Tree:
        """Return the files of an image; the same catalogue and lock give the same bytes."""
        values = self._values(image)
        compiled = self._compile_files(image, values)
        exported = exported_files(image, self._lock, compiled)
        # The first use of a template compiles it, also where an image has its own file instead.
        self._sandbox.loaded.clear()
        files = self._files(compiled, exported, values, image)
        self._last_inputs = image, self._inputs(image, compiled)
        for step in apply_patches(files, image):
            files = step.files
        check_changes(files, image)
        return Tree(
            image=image.full_name,
            stream=image.stream.name,
            files=tuple(files[path] for path in sorted(files)),
            bases=base_digests(image, self._lock),
            sources={
                name: {"git": source.git, "ref": source.ref, "commit": source.commit}
                | ({"version": source.version} if source.version else {})
                | ({"changes": format_changes(source)} if source.changes else {})
                for name, source in values["sources"].items()
            },
            folding=self._folding(image),
            exported=exported_names(exported, files),
        )

    def _folding(self, image: Image) -> Folding:
        if self._is_verbatim(image):
            return "none"
        namespace = self._catalogue.namespaces.get(image.namespace)
        return namespace.folding if namespace else "own"

    def _is_verbatim(self, image: Image) -> bool:
        return self._catalogue.templates[image.template].verbatim

    def input_files(self, image: Image) -> tuple[str, ...]:
        """Return the paths of the templates, files and patches that an image is rendered from.

        Right after the image was rendered this costs nothing.
        """
        if self._last_inputs is None or self._last_inputs[0] is not image:
            self.tree(image)
        assert self._last_inputs
        return self._last_inputs[1]

    def line_map(self, image: Image, path: str) -> Origins:
        """Return for each line of a rendered file the line of a template or patch it came from.

        None is for a line of the header, and where a template compares or measures its own text.
        """
        return tuple(
            line if isinstance(line, Origin) else line.origin
            for line in self._lines(image, path, with_values=False)
        )

    def annotate(self, image: Image, path: str) -> Annotations:
        """Return for each line of a rendered file what it is, where it and its values are from."""
        return tuple(
            LineAnnotation("patch", line) if isinstance(line, Origin) else line
            for line in self._lines(image, path, with_values=True)
        )

    def _lines(
        self, image: Image, path: str, *, with_values: bool
    ) -> tuple[LineAnnotation | Origin, ...]:
        """Return what each line of a rendered file is, the line of a patch where it is from one."""
        values = self._values(image)
        compiled = self._compile_files(image, values)
        exported = exported_files(image, self._lock, compiled)
        files = self._files(compiled, exported, values, image) if image.patches else {}
        steps = apply_patches(files, image)
        if path not in (steps[-1].files if steps else {**compiled, **exported}):
            raise InputError(f"the tree of {image.key} has no file {path!r}")
        rows: list[tuple[Row, ...]] = []
        start: str | None = path
        for step in reversed(steps):
            row_origins = step.origins.get(start or "")
            if row_origins is not None:
                rows.append(row_origins.rows)
                start = row_origins.old
        lines: tuple[LineAnnotation | Origin, ...] = ()
        if start is not None and start in exported:
            lines = annotate_exported(exported[start])
        elif start:
            printed = self.printed_text(image, start) if with_values else PrintedText()
            lines = self._annotate(start, compiled[start], values, image, printed)
        for row in reversed(rows):
            lines = tuple(lines[at] if isinstance(at, int) else at for at in row)
        return lines

    def printed_text(self, image: Image, path: str) -> PrintedText:
        """Return what the expressions of a file print, nothing where marks keep it from that."""
        values = self._values(image)
        file = self._compile_files(image, values).get(path)
        if file is None or file.text is None:
            return PrintedText()
        marks = self._valued_sandbox.extensions[ValueMarks.identifier]
        assert isinstance(marks, ValueMarks)
        try:
            template = compile_file(self._valued_sandbox, file.source, image.key)
            return marks.read(render_raw(template, values, image.key))
        except InputError:  # a mark stood where the template wants a number, say
            return PrintedText()

    def _inputs(self, image: Image, compiled: Mapping[str, CompiledFile]) -> tuple[str, ...]:
        paths = {f"{TEMPLATES}{name}" for name in self._sandbox.loaded}
        paths.update(file.source.source for file in compiled.values())
        paths.update(patch.source for patch in image.patches)
        return tuple(paths)

    def _annotate(
        self,
        path: str,
        file: CompiledFile,
        values: dict[str, Any],
        image: Image,
        printed: PrintedText,
    ) -> Annotations:
        source, header = file.source, header_origins(file.source, image)
        if file.text is None:
            count = len(split_lines(source.content))
            places = (Origin(source.source, row + 1) for row in range(count))
            return tuple(LineAnnotation("copied", place) for place in places)
        plain = render_text(file.text, values, image.key)
        is_verbatim = self._is_verbatim(image)
        numbers = printed_rows(plain) if is_verbatim else source_rows(plain, path, header)
        rows = plain.replace("\r\n", "\n").replace("\r", "\n").split("\n")
        try:
            template = compile_file(self._marking_sandbox, source, image.key)
            text = render_raw(template, values, image.key)
        except InputError:  # a mark stood where the template wants a number, say
            origins: list[Origin | None] = [None] * len(rows)
        else:
            origins = match_origins(*self._line_marks.split_marks(text), rows)
        return annotate_lines(rows, numbers, origins, printed)

    @cached_property
    def _marking_sandbox(self) -> Sandbox:
        return make_sandbox(self._catalogue.shared, (LineMarks,))

    @cached_property
    def _valued_sandbox(self) -> Sandbox:
        return make_sandbox(self._catalogue.shared, (ValueMarks,))

    @property
    def _line_marks(self) -> LineMarks:
        marks = self._marking_sandbox.extensions[LineMarks.identifier]
        assert isinstance(marks, LineMarks)
        return marks

    @cached_property
    def _images(self) -> Mapping[str, Image]:
        return images_by_key(self._catalogue.images)

    def _values(self, image: Image) -> dict[str, Any]:
        if problem := image.problem:
            raise InputError(problem.problem, where=problem.origin, hint=problem.hint)
        namespace = self._catalogue.namespaces.get(image.namespace)
        exports = namespace.exports if namespace else ()
        base_key = image.base.image if image.base else None
        has_inner = has_component(self._images, base_key or "")
        names = template_context(image, self._lock, exports, has_inner)
        return {**self._sandbox.globals, **image.values, **names}

    def _compile_files(self, image: Image, values: dict[str, Any]) -> dict[str, CompiledFile]:
        """Return the files by path; the image's own replace those of the template."""
        compiled = self._by_path(self._catalogue.templates[image.template].files, values, image)
        if image.files:
            compiled.update(self._by_path(image.files, values, image))
        archives = archive_files(image, self._lock, compiled)
        compiled.update(self._by_path(archives, values, image))
        return compiled

    def _by_path(
        self, files: Iterable[TemplateFile], values: dict[str, Any], image: Image
    ) -> dict[str, CompiledFile]:
        by_path: dict[str, CompiledFile] = {}
        for source in files:
            compiled = self._compile(source, image)
            path = source.path
            if compiled.name is not None:
                path = render_text(compiled.name, values, image.key)
            earlier = by_path.setdefault(path, compiled)
            if earlier is not compiled:
                raise InputError(
                    f"{source.source} and {earlier.source.source} both make {path!r} ({image.key})"
                )
        return by_path

    def _compile(self, source: TemplateFile, image: Image) -> CompiledFile:
        if not source.is_rendered and not has_expression(source):
            return CompiledFile(source, None, None)
        compiled = self._compiled_files.get(source.source)
        if compiled is None:
            if len(self._compiled_files) >= MAX_COMPILED:
                self._compiled_files.clear()
            compiled = compile_source(self._sandbox, source, image)
            self._compiled_files[source.source] = compiled
        return compiled

    def _files(
        self,
        files: Mapping[str, CompiledFile],
        exported: Mapping[str, RepositoryFile],
        values: dict[str, Any],
        image: Image,
    ) -> Mapping[str, File]:
        check_paths((*files, *exported), image.key)
        links = {path: file.source for path, file in files.items() if file.source.is_link}
        check_links({path: link.content.decode() for path, link in links.items()}, image.key)
        tree, printed = {path: render_exported(file) for path, file in exported.items()}, 0
        for path, file in files.items():
            tree[path] = self._file(path, file, values, image)
            printed += len(tree[path].content) if file.text is not None else 0
            if printed > MAX_TREE:  # a run holds the trees of many images
                problem = f"what it prints is larger than {MAX_TREE // 2**20} MiB ({image.key})"
                raise InputError(problem, where=file.source.source)
        return tree

    def _file(self, path: str, file: CompiledFile, values: dict[str, Any], image: Image) -> File:
        mode = EXECUTABLE if file.source.executable else REGULAR
        if file.text is None:
            return File(path, file.source.content, SYMLINK if file.source.is_link else mode)
        rendered = render_text(file.text, values, image.key)
        if self._is_verbatim(image):
            return File(path, rendered.encode(), mode)
        text = normalize(rendered, path, header_origins(file.source, image))
        return File(path, text.encode(), mode)
