#![doc = include_str!("../../../../docs/rules/FER006.md")]

use ferraio_report::Severity;
use ruff_python_ast::{Expr, Stmt};
use ruff_text_size::Ranged;

use super::Rule;
use crate::check::{Checker, Site};
use crate::infer::{asyncio_name, blocks};
use crate::tree::NamesRead;
use crate::types::FrameKind;

/// A task is started and nobody keeps it.
pub const RULE: Rule = Rule {
    code: "FER006",
    name: "dropped-task",
    severity: Severity::Warning,
    is_default: true,
    page: include_str!("../../../../docs/rules/FER006.md"),
};

/// Look at an expression whose value is dropped.
pub fn dropped<'a>(checker: &mut Checker<'a, '_>, expression: &'a Expr, site: &Site<'a>) {
    report(checker, expression, site);
}

/// Look at names that nobody reads.
pub fn unused<'a>(checker: &mut Checker<'a, '_>, body: &'a [Stmt], read: &NamesRead<'a>, site: &Site<'a>) {
    if matches!(site.frame.kind, FrameKind::Function(_)) {
        block(checker, body, body, read, site, 0);
    }
}

/// Look at a block of the scope with the body `whole`.
fn block<'a>(
    checker: &mut Checker<'a, '_>,
    body: &'a [Stmt],
    whole: &'a [Stmt],
    read: &NamesRead<'a>,
    site: &Site<'a>,
    depth: usize,
) {
    for statement in body {
        if depth < 50 {
            for inner in blocks(statement) {
                block(checker, inner, whole, read, site, depth + 1);
            }
        }
        if let Stmt::Assign(assign) = statement
            && let [Expr::Name(name)] = assign.targets.as_slice()
            && !site.frame.scope.foreign.contains(name.id.as_str())
        {
            if read.contains(&name.id) {
                super::gather_exceptions::named(checker, &name.id, &assign.value, whole, site);
                continue;
            }
            report(checker, &assign.value, site);
            super::gather_exceptions::statement(checker, &assign.value, site);
        }
    }
}

fn starts_task(value: &Expr) -> bool {
    let Expr::Call(call) = value else { return false };
    let name = match &*call.func {
        Expr::Name(name) => name.id.as_str(),
        Expr::Attribute(attribute) => attribute.attr.as_str(),
        _ => return false,
    };
    // Under another name it is found by what it is.
    matches!(name, "create_task" | "ensure_future") || call.func.is_name_expr()
}

fn report<'a>(checker: &mut Checker<'a, '_>, expression: &'a Expr, site: &Site<'a>) {
    // Where no loop runs, no task is started: that is FER005's business.
    let has_loop = site.is_async || !site.is_module_level();
    if !has_loop || !starts_task(expression) {
        return;
    }
    let Expr::Call(call) = expression else { return };
    let callee = checker.infer.expression(&call.func, &site.frame);
    let is_task = asyncio_name(&callee).is_some_and(|name| {
        matches!(
            name.as_str(),
            "create_task" | "ensure_future" | "AbstractEventLoop.create_task" | "BaseEventLoop.create_task"
        )
    });
    if !is_task {
        return;
    }
    let title = format!("nobody keeps the task that `{}()` starts", checker.text(&*call.func));
    let mut finding = checker.finding(&RULE, expression.range(), title);
    finding.primary.text = "it may be collected while it runs, and its errors are seen by nobody".into();
    let call = checker.text(call);
    finding.help =
        Some(format!("keep it: `task = {call}`, and `await task` later; or start it in an `asyncio.TaskGroup`"));
    checker.report(finding);
}
