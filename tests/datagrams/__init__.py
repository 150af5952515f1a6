"""Datagram endpoints."""
