"""Macs under management: what they say at CheckInURL and ServerURL, and what is known of them."""
