"""The ways into ferraio: run, install, the command line."""
