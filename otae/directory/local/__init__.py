"""Local people and groups, those of our own tables, and their passwords."""
