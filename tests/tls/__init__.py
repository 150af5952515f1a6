"""TLS: with OpenSSL driven directly, and through the objects of Python."""
