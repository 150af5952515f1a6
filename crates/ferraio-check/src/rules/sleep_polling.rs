#![doc = include_str!("../../../../docs/rules/FER103.md")]

use ferraio_report::Severity;
use ruff_python_ast::{Expr, Stmt, StmtWhile};
use ruff_text_size::{Ranged, TextRange};

use super::Rule;
use crate::check::{Checker, Site};
use crate::infer::asyncio_name;

/// A loop sleeps until something has happened elsewhere.
pub const RULE: Rule = Rule {
    code: "FER103",
    name: "sleep-polling",
    severity: Severity::Hint,
    is_default: true,
    page: include_str!("../../../../docs/rules/FER103.md"),
};

/// Look at `while`.
pub fn while_loop<'a>(checker: &mut Checker<'a, '_>, repeat: &'a StmtWhile, site: &Site<'a>) {
    if !site.is_async || matches!(&*repeat.test, Expr::BooleanLiteral(_) | Expr::NumberLiteral(_)) {
        return;
    }
    let [Stmt::Expr(only)] = &repeat.body[..] else { return };
    let Expr::Await(awaited) = &*only.value else { return };
    let Expr::Call(call) = &*awaited.value else { return };
    let callee = checker.infer.expression(&call.func, &site.frame);
    if asyncio_name(&callee).as_deref() != Some("sleep") {
        return;
    }
    let range = TextRange::new(repeat.range.start(), repeat.test.end());
    let mut finding = checker.finding(&RULE, range, "a loop that sleeps until something has happened");
    finding.primary.text = "it wakes up for nothing most times, and too late the last time".into();
    finding.help = Some("let whoever changes this set an `asyncio.Event`, and `await event.wait()`".into());
    checker.report(finding);
}
