//! Streams: the hot halves of StreamReader and StreamWriter.
//!
//! `ferraio.StreamReader` and `ferraio.StreamWriter` are Python classes over those here and over asyncio's own, whose
//! other methods find their attributes here. Whatever is unusual (a limit that is exceeded, the end of the stream in the
//! middle of something, a method that somebody overrides, a loop that is not ours) is left to asyncio's own method.

pub mod reader;
pub mod writer;
