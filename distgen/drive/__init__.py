"""What commands do to repositories, registries and forges: one sibling each."""
