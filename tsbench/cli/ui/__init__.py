"""What the command line draws: lines, tables, pictures, progress."""
