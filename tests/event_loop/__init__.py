"""Tests of the event loop; those of one of its sources are named as that."""
