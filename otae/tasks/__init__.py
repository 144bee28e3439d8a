"""Background work: the queue, the actors that it calls, and the clock that schedules periodic tasks."""
