"""The part that another interpreter runs: read a question as JSON, write what its Kolla answers."""

from __future__ import annotations

import json
import os

from distgen.catalogue.sources.kolla.configure import answer_question
from distgen.catalogue.sources.kolla.question import dump_origin, load_question
from distgen.errors import DistgenError, InputError
from distgen.model.words import Origin


def answer(stdin: int, stdout: int) -> None:
    """Answer the question that stands in one file into another; errors are answers as well."""
    with os.fdopen(stdin, "rb") as file:
        question = load_question(json.load(file))
    try:
        result: dict[str, object] = {"answer": answer_question(question)}
    except DistgenError as error:
        where = dump_origin(error.where) if isinstance(error.where, Origin) else str(error.where)
        result = {
            "problem": error.problem,
            "where": where,
            "hint": error.hint,
            "is_input": isinstance(error, InputError),
        }
    with os.fdopen(stdout, "wb") as file:
        file.write(json.dumps(result).encode())
