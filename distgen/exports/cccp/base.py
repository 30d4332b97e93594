"""What CentOS' container pipeline takes for the base of an image: `awk '/^FROM/ {print $2}'`.

Source: CentOS/container-pipeline-service, `seed-job/template.yaml`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from distgen.dockerfile.parse import Dockerfile
from distgen.exports.repository_records import Demand


def check_base(paths: Iterable[str], dockerfile: Dockerfile) -> Iterator[Demand]:
    """Yield a warning where the pipeline takes something else for the base.

    It prints the second word of each line that begins with FROM.
    """
    lines = enumerate(dockerfile.text.splitlines(), 1)
    from_lines = {number: line.split() for number, line in lines if line.startswith("FROM")}
    bases = [" ".join(words[1:2]) for words in from_lines.values()]
    if not dockerfile.stages or bases == [dockerfile.stages[-1].base]:
        return
    line = dockerfile.stages[0].line
    if len(dockerfile.stages) > 1:
        reason = "it has several stages"
    elif any(base.startswith("--") for base in bases):
        reason = "its FROM has an option"
    elif len(bases) > 1:
        line = next(number for number in from_lines if number != line)
        reason = "this line begins with FROM and is no instruction"
    else:
        reason = "its FROM is not written in capitals at the beginning of a line"
    text = f"CCCP's look-up of the base image does not understand this Dockerfile: {reason}"
    yield Demand(line, text, "warning")
