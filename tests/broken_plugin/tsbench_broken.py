"""The deliberately broken twin of the example plugin."""

raise RuntimeError("this plugin is broken on purpose")
