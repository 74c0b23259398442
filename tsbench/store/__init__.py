"""The store of results and what is kept beside it."""
