"""Protocol endpoints for Macs and other machines: bytes in, one call of a room, bytes out."""
