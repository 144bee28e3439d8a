"""A simulated Mac that enrolls with a running server from end to end, and the rehearsals that use it."""
