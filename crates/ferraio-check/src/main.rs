//! The checker without Python, for work on it: `cargo run -p ferraio-check -- PATH`.

use std::io::{IsTerminal, Write};
use std::process::ExitCode;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let outcome =
        ferraio_check::command(&arguments, &ferraio_check::Environment::default(), std::io::stdout().is_terminal());
    // A closed pipe is nobody's error.
    let _ = std::io::stdout().write_all(outcome.output.as_bytes());
    let _ = std::io::stderr().write_all(outcome.errors.as_bytes());
    ExitCode::from(outcome.status)
}
