"""Wire grammar that several instruments share: frames and checksums. Pure."""
