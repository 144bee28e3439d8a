"""What Macs and machines talk to: bytes in, a room asked, bytes out."""
