"""Messages to people: their texts, the queue they are sent from, and the mail and SMS servers they are sent through."""
