"""OSBS: `container.yaml` in each repository, and the labels that it asks for."""
