"""One run, from data to metrics."""
