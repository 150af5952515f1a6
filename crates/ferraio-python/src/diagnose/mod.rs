//! What the package `ferraio.diagnose` has in Rust.

pub mod render;
