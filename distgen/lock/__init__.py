"""`distgen lock`: the file, what is missing from it, and who is asked."""
