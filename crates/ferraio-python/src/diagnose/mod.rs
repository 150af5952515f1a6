//! What diagnosing needs from inside of the loop.
//!
//! * `watchdog.rs`: a thread that sees a blocked loop while it is blocked
//! * `stack.rs`: the stack of a thread that keeps the interpreter to itself

mod stack;
mod watchdog;

pub use watchdog::{BELL, Watching, functions, watch};
