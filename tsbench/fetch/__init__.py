"""Fetching datasets from their public homes: over https, checked before they land, never without being asked."""
