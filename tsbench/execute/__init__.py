"""Having planned runs done, and recording what comes of them."""
