"""Text messages: provider APIs, carriers that are reached by mail, and the length of a message."""
