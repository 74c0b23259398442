"""tsbench data."""
