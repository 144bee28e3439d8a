"""Text messages: provider APIs, carriers that take mail, and how long a message is."""
