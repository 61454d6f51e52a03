"""Control images: which belong to which picture, keeping them, what deserves a look. Must not know a page."""
