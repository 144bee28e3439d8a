"""The queue of messages in the database: stored, claimed by a worker, attempted, and what came of each attempt."""
