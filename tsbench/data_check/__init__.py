"""What a dataset and its split give away: leaks, shortcuts, channels that say nothing."""
