"""What packages that agent programs use expect of asyncio beyond its documentation; a file for each subject."""
