"""Pictures of boards and runs: a file for each kind, from a DataFrame of numbers to a Figure."""
