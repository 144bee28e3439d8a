"""Console → Manage: invitations, people, groups and Macs."""
