"""Tells what would keep distgen from its work: programs, servers, rights, the lock, the disk."""
