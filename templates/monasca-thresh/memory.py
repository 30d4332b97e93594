#!/usr/bin/env python3
"""Print how much memory a Java process may use, as the JVM writes it, such as 256m.

memory.py [MEGABYTES]: no more than that, than JVM_MAX_MB, and than the share JVM_MAX_RATIO (0.75) of what
the machine and the container's limit allow; MAX_OVERRIDE_MB is printed as it is.
"""

import os
import sys
from pathlib import Path

MEGABYTE = 1024 * 1024
# Version 2 of control groups, then version 1; without a limit they hold "max" or a huge number.
LIMITS = ("/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes")


def machine_mb():
    """Return the memory of the machine."""
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") // MEGABYTE


def container_mb(limits=LIMITS):
    """Return the limits of the container, those there are."""
    words = [Path(limit).read_text().strip() for limit in limits if Path(limit).exists()]
    return [int(word) // MEGABYTE for word in words if word.isdigit()]


def allowed_mb(wanted, environ):
    """Return the smallest of all limits, at least one megabyte."""
    ratio = float(environ.get("JVM_MAX_RATIO") or "0.75")
    limits = [int(min([machine_mb(), *container_mb()]) * ratio)]
    limits += [int(word) for word in (environ.get("JVM_MAX_MB"), wanted) if word]
    return max(1, min(limits))


def main(words, environ):
    """Print the answer."""
    override = environ.get("MAX_OVERRIDE_MB")
    print(f"{override or allowed_mb(words[0] if words else None, environ)}m")


if __name__ == "__main__":
    main(sys.argv[1:], os.environ)
