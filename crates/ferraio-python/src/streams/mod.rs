//! Streams: the hot halves of StreamReader, StreamWriter and the protocol between them and the transport.
//!
//! What programs get are Python classes (`ferraio._streams`) over those here and over asyncio's own, whose
//! other methods find their attributes here. Whatever is unusual (a limit that is exceeded, the end of the stream in the
//! middle of something, a method that somebody overrides, a loop that is not ours) is left to asyncio's own method.

pub mod protocol;
pub mod reader;
pub mod writer;
