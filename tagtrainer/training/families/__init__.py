"""One file per model family, found by scanning: a module here defines FAMILY. See README.md."""
