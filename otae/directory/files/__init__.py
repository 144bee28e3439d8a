"""Files of people: reading and writing them, and importing them step by step."""
