#![doc = include_str!("../../../../docs/rules/FER101.md")]

use ferraio_report::Severity;
use ruff_python_ast::ExprCall;
use ruff_text_size::Ranged;

use super::Rule;
use crate::chain::is_guarded;
use crate::check::{Checker, Site};
use crate::infer::asyncio_name;
use crate::types::Type;

/// A module for others to import runs a loop of its own.
pub const RULE: Rule = Rule {
    code: "FER101",
    name: "run-in-library",
    severity: Severity::Warning,
    is_default: true,
    page: include_str!("../../../../docs/rules/FER101.md"),
};

/// Parts of names that say that something is the beginning of a program, or a test.
const PROGRAMS: [&str; 14] = [
    "main", "cli", "run", "app", "manage", "script", "command", "test", "conftest", "demo", "example", "bench", "tool",
    "server",
];

/// Look at a call outside of asynchronous functions.
pub fn call<'a>(checker: &mut Checker<'a, '_>, call: &'a ExprCall, callee: &Type<'a>, site: &Site<'a>) {
    let Some(function) = site.function() else { return };
    if asyncio_name(callee).as_deref() != Some("run") || site.is_main || is_guarded(function) {
        return;
    }
    let in_package = checker.file.module.contains('.');
    let speaks_of_program = |name: &str| {
        let name = name.to_ascii_lowercase();
        PROGRAMS.iter().any(|part| name.split(['.', '_']).any(|word| word.starts_with(part)))
    };
    let is_private = function.name.as_str().starts_with('_');
    // A function that somebody decorated is called by whoever did: a command line, mostly.
    if !in_package
        || is_private
        || !function.decorator_list.is_empty()
        || speaks_of_program(&checker.file.module)
        || speaks_of_program(&function.name)
        || function.name.as_str().contains("sync")
        || site.attempt.is_some()
    {
        return;
    }
    let title = format!("`{}` runs an event loop, and cannot be called from a coroutine", function.name);
    let mut finding = checker.finding(&RULE, call.range(), title);
    finding.primary.text = "where a loop is running, this raises RuntimeError".into();
    finding.help = Some("offer the `async def` and let the program run it".into());
    checker.report(finding);
}
