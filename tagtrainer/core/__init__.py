"""Ground floor: knows nothing of ours, so that everything else may stand on it."""
