"""Routes by resource: each says what comes in and goes out, and calls the service."""
