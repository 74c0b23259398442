"""Data: panels, batches, datasets, normalisation and splits."""
