"""Datasets on disk: items, captions, previews, import, the search index. Files are the truth, the index is a cache."""
