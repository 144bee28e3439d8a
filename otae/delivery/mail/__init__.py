"""Mail: SMTP connections and their pool, signing in, MIME, and mail that bounces."""
