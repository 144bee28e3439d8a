"""From signing in to the identity of a Mac: sessions, challenges, profiles, the phases over the air, SCEP."""
