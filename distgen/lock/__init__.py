"""`distgen lock`: the file, the facts that it lacks, and the servers that have them."""
