"""The contract of the old greenhouse site: its addresses, documents and forms."""
