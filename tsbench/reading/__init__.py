"""What runs predicted, read as clinical papers report it: intervals by subject, subgroups, calibration, benefit."""
