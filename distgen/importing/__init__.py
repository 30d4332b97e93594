"""`distgen import`: repositories and folders with Dockerfiles become images of the catalogue."""
