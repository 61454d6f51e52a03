"""Cleaning a dataset: what repeats, what is bad, what to cut out. Must not know the page."""
