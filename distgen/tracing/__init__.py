"""Says a run to OpenTelemetry as spans: the run, its stages and its repositories."""
