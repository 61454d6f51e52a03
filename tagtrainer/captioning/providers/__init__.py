"""One file per provider, found by scanning: a module here defines PROVIDER. See README.md."""
