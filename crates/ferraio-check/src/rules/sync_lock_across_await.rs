#![doc = include_str!("../../../../docs/rules/FER102.md")]

use ferraio_report::Severity;
use ruff_python_ast::StmtWith;
use ruff_text_size::Ranged;

use super::Rule;
use crate::check::{Checker, Site};
use crate::tree::contains_await;
use crate::types::Type;

/// A lock for threads is held while a coroutine waits.
pub const RULE: Rule = Rule {
    code: "FER102",
    name: "sync-lock-across-await",
    severity: Severity::Error,
    is_default: true,
    page: include_str!("../../../../docs/rules/FER102.md"),
};

/// Look at a plain `with`.
pub fn with<'a>(checker: &mut Checker<'a, '_>, with: &'a StmtWith, site: &Site<'a>) {
    if !site.is_async || !contains_await(&with.body) {
        return;
    }
    for item in &with.items {
        let value = checker.infer.expression(&item.context_expr, &site.frame);
        let name = match &value {
            Type::Instance(class) => class.full_name(),
            Type::Made(name) => name.to_string(),
            _ => continue,
        };
        let is_lock = matches!(
            name.as_str(),
            "threading.Lock"
                | "threading.RLock"
                | "threading._RLock"
                | "threading.Condition"
                | "threading.Semaphore"
                | "threading.BoundedSemaphore"
                | "_thread.allocate_lock"
                | "_thread.lock"
                | "_thread.LockType"
                | "_thread.RLock"
                | "multiprocessing.Lock"
        );
        if !is_lock {
            continue;
        }
        let shown = checker.text(&item.context_expr);
        let mut finding = checker.finding(
            &RULE,
            item.context_expr.range(),
            format!("the thread lock `{shown}` is held across `await`"),
        );
        finding.primary.text = "another task that wants it blocks the loop, and with it the one that holds it".into();
        finding.help = Some("use `asyncio.Lock` and `async with`, or let go of it before `await`".into());
        checker.report(finding);
    }
}
