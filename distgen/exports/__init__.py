"""Files that downstreams and neighbouring tools read, one format per sibling, as text."""
