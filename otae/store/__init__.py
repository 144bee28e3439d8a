"""The database: tables, states, the moves between them, and what is kept sealed."""
