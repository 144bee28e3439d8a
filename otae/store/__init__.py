"""The database: tables, states and transitions, events, audit log, server properties, sealed secrets, backups."""
