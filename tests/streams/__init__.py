"""StreamReader, StreamWriter, and the protocol between them and a transport."""
