"""A request becomes the runs it asks for."""
