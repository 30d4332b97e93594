"""Zuul: jobs that build, upload and promote images, with the playbooks and the role they run."""
