//! Finds the classic mistakes of async Python before the program runs.
//!
//! `source` and `notebook` read files, `program` finds what they import, `scope` and `infer` tell what names and
//! expressions are, `check` walks over a file and asks the rules, `chain` follows calls from function to function.
//! `command` is `ferraio check`: `config`, `environment` and `discover` say what to check, `run` does it, `cache` keeps
//! what came out, `noqa` silences, `output` and `fix` are what users get.

mod cache;
mod chain;
mod check;
mod command;
mod config;
mod discover;
mod environment;
mod fix;
mod infer;
mod noqa;
mod notebook;
mod output;
mod program;
pub mod rules;
mod run;
mod scope;
mod source;
mod tree;
mod types;

pub use command::{Outcome, command, explain};
pub use environment::Environment;
pub use ruff_python_ast::PythonVersion;
pub use run::check_script;

/// The stack of the threads that read and check files: enough for the deepest tree that [`source`] lets through.
pub const STACK: usize = 256 << 20;
