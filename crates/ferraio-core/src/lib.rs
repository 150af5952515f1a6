//! The parts of an event loop that know files, clocks and queues, and no Python.
