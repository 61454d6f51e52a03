"""Layouts of other programs, read on import and written on export. Must not change a dataset."""
