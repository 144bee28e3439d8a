"""Coverage-guided fuzzing of everything that reads a stranger's bytes; the corpus is replayed in every test run."""
