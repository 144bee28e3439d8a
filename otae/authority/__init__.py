"""The certificate authority of this installation, and the push certificate.

``ceremony`` creates the tree once, with names and lifetimes of ``own_certificates``; ``issuers`` opens its keys and
issues identities; ``revocation`` and ``crl`` revoke them, ``listing`` shows them; ``serving`` renews the TLS
certificate; ``rotation`` renews RA and profile signer, and replaces the device CA; ``root`` exports, removes and
restores the root's key; ``uploads`` uses certificates of other authorities instead of ours, after ``upload_checks``;
``files`` reads uploaded files, ``ca_files`` those with trusted authorities; ``push`` holds the push certificate. Every
certificate is a row, and its private key is sealed in that row.
"""
