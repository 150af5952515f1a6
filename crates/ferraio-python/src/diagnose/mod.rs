//! What the package `ferraio.diagnose` has in Rust.

pub mod failure;
pub mod render;
pub mod rule_pages;
