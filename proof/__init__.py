"""The laboratory: what the program promises, put to the test by `make proof`."""
