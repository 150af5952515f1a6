"""Tests of the event loop; their files are named as its sources."""
