"""The `distgen` command: see that the imported `distgen` is ours, then hand over to it.

Another project on PyPI has the same import name. Installed into one environment, the later of the
two overwrites parts of the other, so the check stands outside the package.
"""

import os
import sys

CLASH = (
    "distgen: the Python package 'distgen' at {} belongs to another project"
    " (Red Hat's distgen); install distgen-git into a virtual environment of its own\n"
)


def main() -> int:
    """Run the command line; an interrupt while modules are imported ends it as one later does."""
    try:
        return _run()
    except KeyboardInterrupt:
        sys.stderr.write("distgen: interrupted\n")
        return 130


def _run() -> int:
    """Answer `--version` and `--help` before anything heavy is imported."""
    import distgen

    if getattr(distgen, "DISTRIBUTION", None) != "distgen-git":
        place = getattr(distgen, "__file__", None) or "/".join(getattr(distgen, "__path__", ["?"]))
        sys.stderr.write(CLASH.format(place))
        return 2
    if "_DISTGEN_COMPLETE" in os.environ:
        from distgen.cli.completion.reply import reply

        if (lines := reply(os.environ)) is not None:
            sys.stdout.write(lines)
            return 0
    if sys.argv[1:] == ["--version"]:
        sys.stdout.write(f"distgen {distgen.__version__}\n")
        return 0
    from distgen.cli import shipped_help

    if text := shipped_help.read(sys.argv[1:], os.environ):
        sys.stdout.write(text)
        return 0
    from distgen.__main__ import run

    return run()


if __name__ == "__main__":
    sys.exit(main())
