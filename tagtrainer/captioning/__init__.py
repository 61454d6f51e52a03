"""Captions by any provider: profiles, batches that resume, cleaning of answers. Providers are found by scanning."""
