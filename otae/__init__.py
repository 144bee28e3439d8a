"""The enrollment desk for Macs."""

__version__ = "0.1.0"
