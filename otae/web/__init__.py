"""The HTTP interface: pages for people and protocol endpoints for Macs, with routing, guards and error responses."""
