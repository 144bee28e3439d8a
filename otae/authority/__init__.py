"""Our certificate authority as a living thing, and the push certificate held beside it.

``ceremony`` makes the tree once, as ``making`` draws it; ``issuers`` opens its keys and issues identities;
``revocation`` and ``crl`` take them back, ``listing`` shows them; ``serving`` keeps the TLS leaf fresh; ``rotation``
renews what stands below the device CA, and replaces that; ``root`` lets the root's key leave and come back; ``uploads``
puts certificates of other authorities in the place of ours, once ``incoming`` found them right; ``files`` reads what
people hand in; ``push`` holds the push certificate. Every certificate is a row, every private key lies sealed in it.
"""
