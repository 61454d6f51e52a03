"""Clips: what they are, their stills, and the frames that the engine takes. Must not know datasets."""
