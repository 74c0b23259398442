"""tsbench show."""
