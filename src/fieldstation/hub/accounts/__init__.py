"""People: their accounts, signing in and out, and the delay that stops guessing."""
