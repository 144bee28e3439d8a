"""Administrators, their roles and links; sign-in, its throttling, and the browsers that are signed in."""
