"""Write the Dockerfiles of tcib's images, with its role's template, within limits."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from distgen.catalogue.sources.tcib.folders import ImageFolder
from distgen.catalogue.sources.tcib.jinja import FillError, Variables
from distgen.catalogue.sources.tcib.settings import TcibSettings
from distgen.model.catalogue import ImageProblem, RenderLimits
from distgen.model.words import Origin
from distgen.render.errors import FAILURES, OutOfTime, template_calls
from distgen.render.limited_call import Announce, call_limited
from distgen.text.characters import half_character_problem

LEAVE_OUT = "mend it, give the variable in `extras`, or leave the image out with `excludes`"


def write_dockerfiles(
    settings: TcibSettings,
    folders: Mapping[str, ImageFolder],
    variables: Mapping[str, Mapping[str, Any]],
    limits: RenderLimits,
) -> dict[str, tuple[str, ImageProblem | None]]:
    """Return the Dockerfile of each image by its name, or why it has none."""

    def compute(announce: Announce) -> dict[str, tuple[Any, ...]]:
        answers: dict[str, tuple[Any, ...]] = {}
        for name, image_variables in variables.items():
            announce(folders[name].path)
            answers[name] = _write(settings, folders[name], image_variables)
        return answers

    answers = call_limited(limits, compute)
    return {
        name: (text, ImageProblem(problem, Origin(*place), LEAVE_OUT) if problem else None)
        for name, (text, problem, *place) in answers.items()
    }


def _write(
    settings: TcibSettings, folder: ImageFolder, variables: Mapping[str, Any]
) -> tuple[Any, ...]:
    """Return the text, what is wrong with it, and where: path and line."""
    try:
        text = Variables(variables).fill_file(settings.template, settings.template_path)
    except FillError as error:
        origin = folder.origin(error.key) if error.key else Origin(folder.path)
        return "", error.problem, origin.path, origin.line
    except RecursionError:
        return "", "is nested too deeply", folder.path, 0
    except (MemoryError, OutOfTime):
        raise  # the limits speak of it
    except FAILURES as error:
        lines = template_calls(error.__traceback__)
        line = lines[-1].line if lines else getattr(error, "lineno", 0)
        return "", str(error) or type(error).__name__, settings.template_path, line
    problem = half_character_problem(text)
    return ("", problem, folder.path, 0) if problem else (text, "", folder.path, 0)
