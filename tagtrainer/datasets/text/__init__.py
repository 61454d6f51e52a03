"""Captions as text: tags, bulk changes, tokens. Must not know pictures."""
