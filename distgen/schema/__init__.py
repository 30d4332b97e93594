"""Strict YAML and JSON Schema."""
