"""What the command line draws: lines, tables, progress."""
