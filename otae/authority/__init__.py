"""Our certificate authority as a living thing, and the push certificate held beside it.

``ceremony`` makes the tree once; ``issuers`` opens its keys and issues identities; ``revocation`` and ``crl`` take them
back; ``serving`` keeps the TLS leaf fresh; ``push`` holds the push certificate. Every certificate is a row, every
private key lies sealed in its row.
"""
