"""What an administrator sees first: how far each Mac is, what is stuck, and whether the installation is well."""
