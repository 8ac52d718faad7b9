"""The program at the field site: polls instruments, keeps readings, forwards them."""
