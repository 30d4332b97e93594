"""Run `python -m distgen` as the command."""

import sys

from distgen.cli import main

sys.exit(main())
