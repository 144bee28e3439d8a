"""Macs under management: check-in and commands, renewal of their certificates, and the list of known Macs."""
