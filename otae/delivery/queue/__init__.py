"""The queue of messages in the database: stored, claimed by a worker, sent, and their outcomes recorded."""
