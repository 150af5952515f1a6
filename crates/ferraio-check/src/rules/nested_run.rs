#![doc = include_str!("../../../../docs/rules/FER004.md")]

use ferraio_report::{Edit, Fix, Label, Severity};
use ruff_python_ast::{Expr, ExprCall};
use ruff_text_size::Ranged;

use super::Rule;
use crate::chain::{End, entered, runs_loop};
use crate::check::{Checker, Site};
use crate::types::Type;

/// A loop is run where one is running.
pub const RULE: Rule = Rule {
    code: "FER004",
    name: "nested-run",
    severity: Severity::Error,
    is_default: true,
    page: include_str!("../../../../docs/rules/FER004.md"),
};

/// Look at a call in an asynchronous function, or in a cell of a notebook.
pub fn call<'a>(checker: &mut Checker<'a, '_>, call: &'a ExprCall, callee: &Type<'a>, site: &Site<'a>) {
    let shown = checker.text(&*call.func);
    if runs_loop(callee) {
        if site.attempt.is_some() {
            // Whoever catches the error expects it.
            return;
        }
        let title = format!("`{shown}()` in a running event loop");
        let mut finding = checker.finding(&RULE, call.range(), title);
        finding.primary.text = "this raises RuntimeError: a loop is running in this thread".into();
        let is_plain = call.arguments.args.len() == 1 && call.arguments.keywords.is_empty();
        match &call.arguments.args[..] {
            [inner @ Expr::Call(_)] if is_plain => {
                let place = checker.file.place(call.range());
                let replacement = format!("await {}", checker.file.slice(inner.range()));
                let edits = vec![Edit { place, replacement }];
                finding.fix = Some(Fix { title: "await it".into(), edits, safe: false });
            }
            _ => finding.help = Some("`await` what is given to it".into()),
        }
        checker.report(finding);
        return;
    }
    let Some(function) = entered(&checker.infer, callee) else { return };
    let Some(chain) = checker.chains.from(&checker.infer, &function, End::RunsLoop) else { return };
    if site.attempt.is_some() {
        return;
    }
    let names: Vec<&str> = chain.iter().map(|step| step.callee.as_str()).collect();
    let title =
        format!("`{shown}()` runs a loop in a running event loop: `{}` → `{}`", function.name(), names.join("` → `"));
    let mut finding = checker.finding(&RULE, call.range(), title);
    finding.primary.text = "called from a coroutine, this raises RuntimeError".into();
    for step in chain.iter() {
        finding.secondary.push(Label { place: step.file.place(step.range), text: "by way of this".into() });
    }
    if let Some(last) = finding.secondary.last_mut() {
        last.text = "runs a loop here".into();
    }
    finding.help = Some("await the asynchronous function itself, or call this in a thread: `asyncio.to_thread`".into());
    checker.report(finding);
}
