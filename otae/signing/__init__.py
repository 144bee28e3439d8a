"""Bytes and certificates: no I/O, no settings, no database, no clock; times come in as arguments.

``der`` normalises BER to DER and reads it field by field. ``cms`` signs and verifies, ``envelopes`` encrypts and
decrypts, ``csr`` reads certification requests, ``scep`` is the server's side of RFC 8894 and ``scep_client`` the
client's, ``certificates`` and ``issuing`` check and make X.509 certificates, ``bundles`` reads files of certificates,
``apple_device_ca`` checks device certificates of Macs. Whatever is wrong with foreign bytes is raised as a
:class:`otae.errors.Refusal`, and nothing else.
"""
