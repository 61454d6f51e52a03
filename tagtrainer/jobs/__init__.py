"""Background work: a folder and a list of steps, run by one detached worker per workspace. Knows no training."""
