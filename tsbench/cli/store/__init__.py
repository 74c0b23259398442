"""tsbench store."""
