"""Plugins and the catalogues they fill."""
