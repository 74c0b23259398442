"""What a plugin writes: methods, encoders, transforms, probes and their parameters."""
