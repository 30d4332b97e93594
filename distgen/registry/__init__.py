"""Registries of images: their client, and the commands about tags."""
