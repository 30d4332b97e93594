"""The `distgen` command: the only room that prints, exits, and reads environment and clock."""
