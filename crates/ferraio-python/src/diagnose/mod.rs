//! What the package `ferraio.diagnose` has in Rust.
//!
//! * `render.rs`: the text of a finding
//! * `watchdog.rs`: a thread that sees a blocked loop while it is blocked
//! * `stack.rs`: the stack of a thread that keeps the interpreter to itself

pub mod failure;
pub mod render;
pub mod rule_pages;
mod stack;
mod watchdog;

pub use watchdog::{Watching, functions, watch};
