"""The records that flow from stage to stage: frozen, with tuples and read-only mappings inside."""
