"""Results kept from one run to the next, in files that may be wrong, lost or hostile."""
