"""File formats of recordings that several plugins read: EDF and WFDB."""
