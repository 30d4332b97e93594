"""Dockerfiles: read by BuildKit's own parser into records."""
