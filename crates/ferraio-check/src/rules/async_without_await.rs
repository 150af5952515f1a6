#![doc = include_str!("../../../../docs/rules/FER104.md")]

use ferraio_report::Severity;
use ruff_python_ast::{Stmt, StmtFunctionDef};

use super::Rule;
use crate::check::{Checker, Site};
use crate::infer::{bases, is_abstract};
use crate::tree::{contains_await, contains_yield};
use crate::types::FrameKind;

/// An asynchronous function awaits nothing.
pub const RULE: Rule = Rule {
    code: "FER104",
    name: "async-without-await",
    severity: Severity::Hint,
    is_default: false,
    page: include_str!("../../../../docs/rules/FER104.md"),
};

/// Look at a function.
pub fn function<'a>(checker: &mut Checker<'a, '_>, function: &'a StmtFunctionDef, site: &Site<'a>) {
    // What overrides, what is decorated and what Python itself calls has to be as others want it.
    let is_free = match site.frame.kind {
        FrameKind::Module => true,
        FrameKind::Class(class) => bases(class).is_empty(),
        _ => false,
    };
    let name = function.name.as_str();
    if !function.is_async
        || !is_free
        || !function.decorator_list.is_empty()
        || name.starts_with("__")
        || name.starts_with("test")
        || is_abstract(function)
        || function.body.iter().all(|statement| matches!(statement, Stmt::Raise(_) | Stmt::Expr(_)))
        || contains_await(&function.body)
        || contains_yield(&function.body)
    {
        return;
    }
    let mut finding =
        checker.finding(&RULE, function.name.range, format!("`{name}` is `async def` and awaits nothing"));
    finding.primary.text = "it never lets another task run, and its callers have to await it".into();
    finding.help = Some("make it a plain `def`, unless others want a coroutine".into());
    checker.report(finding);
}
