#![doc = include_str!("../../../../docs/rules/FER005.md")]

use ferraio_report::{Label, Severity};
use ruff_python_ast::ExprCall;
use ruff_text_size::Ranged;

use super::Rule;
use crate::chain::{End, entered, is_end};
use crate::check::{Checker, Site};
use crate::types::Type;

/// Something that needs a running loop is done where none runs.
pub const RULE: Rule = Rule {
    code: "FER005",
    name: "no-running-loop",
    severity: Severity::Error,
    is_default: true,
    page: include_str!("../../../../docs/rules/FER005.md"),
};

/// Look at a call outside of asynchronous functions.
pub fn call<'a>(checker: &mut Checker<'a, '_>, call: &'a ExprCall, callee: &Type<'a>, site: &Site<'a>) {
    if !site.is_module_level() || site.attempt.is_some() {
        return;
    }
    let shown = checker.text(&*call.func);
    if is_end(callee, call, End::NeedsLoop) {
        let title = format!("`{shown}()` where no event loop is running");
        let mut finding = checker.finding(&RULE, call.range(), title);
        finding.primary.text = "this runs when the module is loaded, and raises RuntimeError".into();
        finding.help = Some("do it in an `async def main()`, started with `asyncio.run(main())`".into());
        checker.report(finding);
        return;
    }
    let Some(function) = entered(&checker.infer, callee) else { return };
    let Some(chain) = checker.chains.from(&checker.infer, &function, End::NeedsLoop) else { return };
    let names: Vec<&str> = chain.iter().map(|step| step.callee.as_str()).collect();
    let title = format!("`{shown}()` needs a running event loop: `{}` → `{}`", function.name(), names.join("` → `"));
    let mut finding = checker.finding(&RULE, call.range(), title);
    finding.primary.text = "no loop runs when the module is loaded".into();
    for step in chain.iter() {
        finding.secondary.push(Label { place: step.file.place(step.range), text: "by way of this".into() });
    }
    finding.help = Some("call it from an `async def main()`, started with `asyncio.run(main())`".into());
    checker.report(finding);
}
