"""What things cost beside what they cannot cost less than: ratios measured in turn, in one run."""
