"""The load of `falcon bench service`: a real service, a client that costs little, and the cases."""
