"""What a table of methods by datasets proves: ranks, intervals, tests, groups. It knows no store and no board.

Everything here takes `cells`, a DataFrame with a row per method and a column per dataset, NaN where a cell is missing,
and `sign`: +1 where high is good, -1 where low is.
"""
