"""Leaderboards: a query over stored results."""
