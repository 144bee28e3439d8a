"""From signing in to a Mac's identity: sessions, challenges, profiles, over-the-air phases, SCEP."""
