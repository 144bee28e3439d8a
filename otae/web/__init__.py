"""The doors: pages for people, protocol doors for Macs. What they decide is how a request is read and answered."""
