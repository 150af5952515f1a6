#![doc = include_str!("../../../../docs/rules/FER010.md")]

use ferraio_report::{Edit, Fix, Severity};
use ruff_python_ast::{ExceptHandler, ExceptHandlerExceptHandler, Expr, Stmt, StmtTry, StmtWith};
use ruff_text_size::{Ranged, TextRange};

use super::Rule;
use crate::check::{Checker, Site};
use crate::infer::ends_with;
use crate::tree::{Node, any_in_body, contains_await};

/// A handler catches the cancellation of its task and goes on.
pub const RULE: Rule = Rule {
    code: "FER010",
    name: "swallowed-cancel",
    severity: Severity::Warning,
    is_default: true,
    page: include_str!("../../../../docs/rules/FER010.md"),
};

/// Look at a `try`.
pub fn attempt<'a>(checker: &mut Checker<'a, '_>, attempt: &'a StmtTry, site: &Site<'a>) {
    if !site.is_async || site.function().is_none() || !contains_await(&attempt.body) {
        return;
    }
    let ends = |last: &&Stmt| matches!(last, Stmt::Return(_) | Stmt::Continue(_) | Stmt::Break(_));
    if let Some(last) = attempt.finalbody.iter().find(ends) {
        let mut finding = checker.finding(&RULE, last.range(), "the cancellation of this task is swallowed");
        finding.primary.text = "this ends what was raised, CancelledError too".into();
        finding.help = Some("leave `finally` at its end".into());
        checker.report(finding);
    }
    let mut passes_on = false;
    for ExceptHandler::ExceptHandler(handler) in &attempt.handlers {
        let catches = what_it_catches(handler);
        let is_swallowed = match catches {
            Catches::Everything => !passes_on && !goes_on(handler),
            // Waiting for a task that was cancelled ends with its CancelledError: only where it is the task's own that
            // is caught, again and again, nobody can end it.
            Catches::Cancellation => site.loops > 0 && !leaves(handler) && !cancels_others(site, attempt),
            Catches::Other => false,
        };
        passes_on |= catches == Catches::Cancellation;
        if is_swallowed {
            report(checker, handler);
        }
    }
}

/// Look at `with contextlib.suppress(BaseException):`.
pub fn suppress<'a>(checker: &mut Checker<'a, '_>, with: &'a StmtWith, site: &Site<'a>) {
    if !site.is_async || site.function().is_none() || with.is_async || !contains_await(&with.body) {
        return;
    }
    for item in &with.items {
        if let Expr::Call(call) = &item.context_expr
            && ends_with(&call.func, "suppress")
            && call.arguments.args.iter().any(|kind| ends_with(kind, "BaseException"))
        {
            let title = "the cancellation of this task is swallowed";
            let mut finding = checker.finding(&RULE, call.range(), title);
            finding.primary.text = "this suppresses CancelledError too, and the task goes on".into();
            finding.help = Some("suppress `Exception`, or what you expect".into());
            checker.report(finding);
        }
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Catches {
    Everything,
    Cancellation,
    Other,
}

fn what_it_catches(handler: &ExceptHandlerExceptHandler) -> Catches {
    let Some(kind) = &handler.type_ else { return Catches::Everything };
    let kinds = match &**kind {
        Expr::Tuple(tuple) => tuple.elts.as_slice(),
        one => std::slice::from_ref(one),
    };
    if kinds.iter().any(|kind| ends_with(kind, "BaseException")) {
        Catches::Everything
    } else if kinds.iter().any(|kind| ends_with(kind, "CancelledError")) {
        Catches::Cancellation
    } else {
        Catches::Other
    }
}

/// Whether a handler raises, or keeps the exception for somebody else.
fn goes_on(handler: &ExceptHandlerExceptHandler) -> bool {
    let name = handler.name.as_ref().map(|name| name.as_str());
    any_in_body(&handler.body, |node| match node {
        Node::Stmt(Stmt::Raise(_)) => true,
        // Handed to a future, an exception group, a queue.
        Node::Expr(Expr::Call(call)) => {
            let is_passed_on = match &*call.func {
                Expr::Attribute(attribute) => {
                    matches!(attribute.attr.as_str(), "set_exception" | "throw")
                }
                _ => false,
            };
            let ends = ends_with(&call.func, "_exit") || ends_with(&call.func, "exit") || ends_with(&call.func, "fail");
            ends || is_passed_on
                && call
                    .arguments
                    .args
                    .iter()
                    .any(|argument| matches!(argument, Expr::Name(given) if Some(given.id.as_str()) == name))
        }
        // Kept: whoever has it can raise it.
        Node::Stmt(Stmt::Assign(assign)) => {
            matches!(&*assign.value, Expr::Name(given) if Some(given.id.as_str()) == name)
        }
        Node::Stmt(Stmt::Return(value)) => value
            .value
            .as_deref()
            .is_some_and(|value| matches!(value, Expr::Name(given) if Some(given.id.as_str()) == name)),
        _ => false,
    })
}

fn leaves(handler: &ExceptHandlerExceptHandler) -> bool {
    any_in_body(&handler.body, |node| matches!(node, Node::Stmt(Stmt::Raise(_) | Stmt::Return(_) | Stmt::Break(_))))
        || goes_on(handler)
}

/// Whether this function cancels tasks and waits for them here.
fn cancels_others(site: &Site<'_>, attempt: &StmtTry) -> bool {
    let is_cancel =
        |node: Node<'_>| matches!(node, Node::Expr(Expr::Attribute(attribute)) if attribute.attr.as_str() == "cancel");
    site.function().is_some_and(|function| any_in_body(&function.body, is_cancel))
        || any_in_body(
            &attempt.body,
            |node| matches!(node, Node::Expr(Expr::Await(awaited)) if awaited.value.is_name_expr()),
        )
}

fn report(checker: &mut Checker<'_, '_>, handler: &ExceptHandlerExceptHandler) {
    let range = match &handler.type_ {
        Some(kind) => TextRange::new(handler.range.start(), kind.end()),
        None => TextRange::at(handler.range.start(), 6.into()),
    };
    let mut finding = checker.finding(&RULE, range, "the cancellation of this task is swallowed");
    finding.primary.text = "this catches CancelledError too, and the task goes on".into();
    match &handler.type_ {
        None => {
            let place = checker.file.place(TextRange::empty(range.end()));
            let edits = vec![Edit { place, replacement: " Exception".into() }];
            finding.fix = Some(Fix { title: "catch errors only".into(), edits, safe: false });
        }
        Some(kind) if ends_with(kind, "BaseException") => {
            let edits = vec![Edit { place: checker.file.place(kind.range()), replacement: "Exception".into() }];
            finding.fix = Some(Fix { title: "catch errors only".into(), edits, safe: false });
        }
        Some(_) => finding.help = Some("end with `raise`, or leave the loop".into()),
    }
    checker.report(finding);
}
