"""Apple's formats as plain values: property lists, profiles, check-ins, commands. No I/O, no clock, no settings."""
