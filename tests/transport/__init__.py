"""Transports of stream sockets, servers, and the operations on sockets of the loop."""
