"""The hub's side of the ledger: what stations report, and whether each day adds up."""
