"""Networks, one family a module; each imports torch itself, so this package costs nothing to import."""
