"""Training a method, and a trained method as an object."""
