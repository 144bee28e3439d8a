"""The texts of messages: kinds, templates with macros, translations, and editing them."""
