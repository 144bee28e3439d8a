"""Bytes and certificates: no I/O, no settings, no database, no clock; times come in as arguments.

``der`` turns what arrives into DER and reads it field by field. ``cms`` signs, verifies, encrypts and decrypts,
``csr`` reads certification requests, ``scep`` is both ends of RFC 8894, ``certificates`` and ``issuing`` make and check
X.509 certificates, ``apple_device_ca`` knows who makes Macs. Whatever is wrong with foreign bytes leaves this room as a
:class:`otae.errors.Refusal`, never as anything else.
"""
