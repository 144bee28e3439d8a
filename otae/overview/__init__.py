"""The overview: progress of each invitation, what is stuck, the state of the installation, and all about one person."""
