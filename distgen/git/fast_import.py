"""Turn changes into the input of `git fast-import`: commits without a checkout or a ref."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from distgen.git.objects import format_person
from distgen.model.published import Change

_NULL = "0" * 40


def fast_import_stream(changes: Iterable[Change], ref: str) -> Iterator[bytes]:
    """Yield the commands that write the commits and print the id of each, in order.

    `ref` is a temporary name, which the last command removes.
    """
    for number, change in enumerate(changes, 1):
        yield from _commit(change, number, ref)
    yield f"reset {ref}\nfrom {_NULL}\n\ndone\n".encode()


def _commit(change: Change, number: int, ref: str) -> Iterator[bytes]:
    person = format_person(change.author, change.date)
    # Without the reset, the first commit of a branch would follow the change before it.
    yield f"reset {ref}\ncommit {ref}\nmark :{number}\n".encode()
    yield f"author {person}\ncommitter {person}\n".encode()
    yield _data(change.message.encode("utf-8"))
    if change.parent:
        yield f"from {change.parent}\n".encode()
    for path in change.delete:
        yield b"D %s\n" % _quote(path)
    for file in change.write:
        yield b"M %o inline %s\n" % (file.mode, _quote(file.path))
        yield _data(file.content)
    yield f"get-mark :{number}\n".encode()


def _data(content: bytes) -> bytes:
    return b"data %d\n%s\n" % (len(content), content)


def _quote(path: str) -> bytes:
    raw = path.encode("utf-8", "surrogateescape")
    quoted = (b"%c" % byte if 32 <= byte < 127 and byte not in b'"\\' else b"\\%03o" % byte
             for byte in raw)  # fmt: skip
    return b'"%s"' % b"".join(quoted)
