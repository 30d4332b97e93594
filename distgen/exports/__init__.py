"""Files for downstreams: a sibling for each format, pure functions from records to files."""
