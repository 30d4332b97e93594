"""Write container images once as templates plus overlays; publish them as dist-git repositories."""

DISTRIBUTION = "distgen-git"
__version__ = "1.0.0"
