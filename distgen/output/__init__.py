"""`distgen render -o`: trees on a disk."""
