"""The enrollment desk for Macs; docs/architecture.md says what each package holds."""

__version__ = "0.1.0"
