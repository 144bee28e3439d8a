"""Console → the administrator's own account, signing in and out."""
