"""A simulated Mac that goes the whole way against a running server, and what prepares and removes its rehearsals."""
