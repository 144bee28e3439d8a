"""Invitations: one person asked to enroll one Mac, from the first mail to the enrolled Mac."""
