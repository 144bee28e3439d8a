"""Messages to people: what they say, which way they go, and the ledger that loses none."""
