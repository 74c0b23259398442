"""Papers' tables: ours beside the published numbers."""
