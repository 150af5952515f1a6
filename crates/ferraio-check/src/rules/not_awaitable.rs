#![doc = include_str!("../../../../docs/rules/FER108.md")]

use ferraio_report::{Edit, Fix, Severity};
use ruff_python_ast::{Expr, ExprAwait, ExprCall};
use ruff_text_size::{Ranged, TextRange};

use super::Rule;
use crate::check::{Checker, Site};
use crate::infer::asyncio_name;
use crate::types::Type;

/// Something is awaited that is nothing to await.
pub const RULE: Rule = Rule {
    code: "FER108",
    name: "not-awaitable",
    severity: Severity::Error,
    is_default: true,
    page: include_str!("../../../../docs/rules/FER108.md"),
};

/// Look at `await value`.
pub fn awaited<'a>(checker: &mut Checker<'a, '_>, awaited: &'a ExprAwait, site: &Site<'a>) {
    let value = checker.infer.expression(&awaited.value, &site.frame);
    let what = match &value {
        Type::Function(_) | Type::Class(_) if !awaited.value.is_call_expr() => {
            report_function(checker, &awaited.value, &value);
            return;
        }
        Type::None if awaited.value.is_call_expr() && is_certain(&awaited.value, checker, site) => "None",
        Type::Plain(name) => name,
        Type::Container(..) if awaited.value.is_list_expr() || awaited.value.is_list_comp_expr() => "a list",
        Type::AsyncIterator(_) => "an asynchronous generator",
        _ => return,
    };
    let shown = checker.text(&*awaited.value);
    let mut finding = checker.finding(&RULE, awaited.range, format!("`{shown}` cannot be awaited"));
    finding.primary.text = format!("this is {what}");
    finding.help = Some(
        match &value {
            Type::AsyncIterator(_) => "iterate over it: `async for … in …`",
            Type::Container(..) => "`await asyncio.gather(*…)`",
            _ => "leave `await` out",
        }
        .into(),
    );
    checker.report(finding);
}

/// A function of the project that returns nothing, and is no stub to be filled by others.
fn is_certain<'a>(value: &'a Expr, checker: &Checker<'a, '_>, site: &Site<'a>) -> bool {
    let Expr::Call(call) = value else { return false };
    match checker.infer.expression(&call.func, &site.frame) {
        Type::Function(function) => function.definition().is_some_and(|definition| {
            !definition.is_async
                && definition.decorator_list.is_empty()
                && function.frame.file.is_project
                && !crate::infer::is_abstract(definition)
                && function.receiver.is_none()
        }),
        Type::External(name) => matches!(&*name, "time.sleep" | "builtins.print"),
        _ => false,
    }
}

fn report_function<'a>(checker: &mut Checker<'a, '_>, value: &'a Expr, function: &Type<'a>) {
    // A class may have a metaclass; only functions are certain.
    if !matches!(function, Type::Function(_)) {
        return;
    }
    let shown = checker.text(value);
    let mut finding = checker.finding(&RULE, value.range(), format!("`{shown}` cannot be awaited"));
    finding.primary.text = "this is the function; it has to be called".into();
    let place = checker.file.place(TextRange::empty(value.end()));
    let edits = vec![Edit { place, replacement: "()".into() }];
    finding.fix = Some(Fix { title: "call it".into(), edits, safe: false });
    checker.report(finding);
}

/// Look at what takes a coroutine: it may be given the function.
pub fn argument<'a>(checker: &mut Checker<'a, '_>, call: &'a ExprCall, callee: &Type<'a>, site: &Site<'a>) {
    let Some(name) = asyncio_name(callee) else { return };
    let takes = match name.rsplit('.').next().unwrap_or_default() {
        "run"
        | "run_until_complete"
        | "create_task"
        | "ensure_future"
        | "shield"
        | "wait_for"
        | "run_coroutine_threadsafe" => 1,
        "gather" => call.arguments.args.len(),
        _ => return,
    };
    for value in call.arguments.args.iter().take(takes) {
        if value.is_call_expr() || value.is_starred_expr() {
            continue;
        }
        let given = checker.infer.expression(value, &site.frame);
        if given.function().is_some_and(|function| function.is_async()) {
            report_function(checker, value, &given);
        }
    }
}
