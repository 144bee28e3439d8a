"""Console → Settings: servers, directories, modes, templates, certificates, roles and properties."""
