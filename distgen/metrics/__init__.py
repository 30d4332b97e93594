"""Measures a run and says it to Prometheus: what stands where, how long it took, what waits."""
