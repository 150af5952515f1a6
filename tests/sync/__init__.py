"""Locks, events, semaphores and queues."""
