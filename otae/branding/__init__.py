"""What an organization shows of itself: its name, colour and logo, and its own texts on the portal."""
