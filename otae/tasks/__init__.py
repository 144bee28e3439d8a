"""Work for later: the queue, the actors it wakes, and what the clock rings."""
