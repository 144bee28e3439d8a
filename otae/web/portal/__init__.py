"""The portal: pages for the person whose Mac is enrolled."""
