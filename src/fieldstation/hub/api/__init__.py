"""The API: everything that the pages show, for programs."""
