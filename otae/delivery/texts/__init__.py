"""What messages say: kinds, templates with macros, translations, and editing them."""
