"""Render in a process of its own, which the kernel ends where it uses too much.

A template can call itself, double a text or search with a slow expression, and what runs in the
interpreter cannot always be ended from within. The process is forked at the first image, so that it
has the catalogue already; questions and answers go through pipes as plain bytes.
"""

from __future__ import annotations

import os
import select
import threading
import weakref
from collections.abc import Mapping
from functools import partial

from distgen.errors import DistgenError
from distgen.model.catalogue import Catalogue, Image
from distgen.model.lock import Lock
from distgen.model.rendered import PrintedText, Tree
from distgen.model.stored import images_by_key
from distgen.render.annotate import Annotations
from distgen.render.answers import (
    PREFIX,
    RenderQuestion,
    decode_annotations,
    decode_origins,
    decode_paths,
    decode_printed,
    decode_tree,
    encode_question,
    read_prefix,
)
from distgen.render.errors import limit_error
from distgen.render.forked import ForkedProcess, end_problem, end_process, fork_process
from distgen.render.limited_process import answer_questions
from distgen.render.linemap import Origins
from distgen.render.renderer import Renderer

_POLL = 200  # milliseconds between two checks whether the run was interrupted
_CHUNK = 1 << 18
_INTERRUPTED = "the run was interrupted"


class LimitedRenderer:
    """Renders as `Renderer` does, within the limits of the catalogue; threads may share it.

    An image that needs too much is an InputError, and the next one is rendered all the same. Once
    `stop` is set no image is waited for.
    """

    def __init__(
        self, catalogue: Catalogue, lock: Lock, stop: threading.Event | None = None
    ) -> None:
        self._renderer = Renderer(catalogue, lock)
        self._limits = catalogue.limits
        self._images = images_by_key(catalogue.images)
        self._stop = stop
        self._lock = threading.Lock()
        self._process: ForkedProcess | None = None
        self._images_there: Mapping[str, Image] = {}
        self._finalizer: weakref.finalize[..., LimitedRenderer] | None = None

    def tree(self, image: Image) -> Tree:
        """Return the files of an image."""
        return decode_tree(*self._ask(image, RenderQuestion("tree", image.key)))

    def line_map(self, image: Image, path: str) -> Origins:
        """Return for each line of a rendered file where it came from."""
        return decode_origins(self._ask(image, RenderQuestion("line_map", image.key, path))[0])

    def printed_text(self, image: Image, path: str) -> PrintedText:
        """Return what the expressions of a file print."""
        return decode_printed(self._ask(image, RenderQuestion("printed", image.key, path))[0])

    def annotate(self, image: Image, path: str) -> Annotations:
        """Return for each line of a rendered file what it is."""
        return decode_annotations(self._ask(image, RenderQuestion("annotate", image.key, path))[0])

    def input_files(self, image: Image) -> tuple[str, ...]:
        """Return the paths of the files that an image is rendered from."""
        return decode_paths(self._ask(image, RenderQuestion("input_files", image.key))[0])

    def _ask(self, image: Image, question: RenderQuestion) -> tuple[bytes, bytes]:
        with self._lock:
            process, is_complete = self._start_process(image), False
            try:
                answer = self._exchange(process, encode_question(question))
                is_complete = True
            except (EOFError, BrokenPipeError):
                raise limit_error(end_problem(self._limits, self._end()), image) from None
            finally:
                # What is still to come would be taken for the answer to the next question.
                if not is_complete:
                    self._end()
        return answer

    def _exchange(self, process: ForkedProcess, question: bytes) -> tuple[bytes, bytes]:
        os.write(process.questions, question)
        answer = self._read(process, PREFIX)
        header, contents = read_prefix(answer)
        answer += self._read(process, PREFIX + header + contents - len(answer))
        return answer[PREFIX : PREFIX + header], answer[PREFIX + header :]

    def _start_process(self, image: Image) -> ForkedProcess:
        """Return a process that knows this very image."""
        process = self._process
        if process is not None and self._images_there.get(image.key) is image:
            return process
        self._end()
        images = self._images
        if images.get(image.key) is not image:
            images = {**images, image.key: image}
        self._images_there = images
        answer = partial(answer_questions, self._renderer, images, self._limits)
        self._process = fork_process(answer)
        self._finalizer = weakref.finalize(self, end_process, self._process)
        return self._process

    def _end(self) -> int:
        """End the process; return the signal that it ended by before, 0 for none."""
        finalizer, self._process, self._finalizer = self._finalizer, None, None
        return (finalizer() if finalizer else None) or 0

    def _read(self, process: ForkedProcess, least: int) -> bytes:
        """Return the next `least` bytes of an answer, or more of the same one."""
        ready = select.poll()  # select.select takes no more than 1024 open files
        ready.register(process.answers, select.POLLIN)
        content = bytearray()
        while len(content) < least:
            while self._stop is not None and not ready.poll(_POLL):
                if self._stop.is_set():
                    raise DistgenError(_INTERRUPTED)
            chunk = os.read(process.answers, _CHUNK)
            if not chunk:
                raise EOFError
            content += chunk
        return bytes(content)
