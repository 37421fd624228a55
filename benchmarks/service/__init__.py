"""The load on the service: a real one, a client that costs little, and the cases."""
