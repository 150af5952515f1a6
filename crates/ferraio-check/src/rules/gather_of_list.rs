#![doc = include_str!("../../../../docs/rules/FER009.md")]

use ferraio_report::{Edit, Fix, Severity};
use ruff_python_ast::{Expr, ExprCall};
use ruff_text_size::{Ranged, TextRange};

use super::Rule;
use crate::check::{Checker, Site};
use crate::infer::asyncio_name;
use crate::types::Type;

/// `gather` is given a list of coroutines where it wants the coroutines.
pub const RULE: Rule = Rule {
    code: "FER009",
    name: "gather-of-list",
    severity: Severity::Error,
    is_default: true,
    page: include_str!("../../../../docs/rules/FER009.md"),
};

/// Look at a call.
pub fn call<'a>(checker: &mut Checker<'a, '_>, call: &'a ExprCall, callee: &Type<'a>, site: &Site<'a>) {
    let Some(name) = asyncio_name(callee) else { return };
    match name.as_str() {
        "gather" => {
            for argument in &call.arguments.args {
                if argument.is_starred_expr() {
                    continue;
                }
                if let Type::Container(..) = checker.infer.expression(argument, &site.frame) {
                    report_list(checker, argument);
                }
            }
        }
        "wait" => {
            let Some(argument) = call.arguments.args.first() else { return };
            let Type::Container(_, elements) = checker.infer.expression(argument, &site.frame) else { return };
            if elements.first().is_some_and(Type::is_coroutine) {
                let title = "`asyncio.wait` is given coroutines";
                let mut finding = checker.finding(&RULE, argument.range(), title);
                finding.primary.text = "since Python 3.11 it takes tasks only".into();
                finding.help =
                    Some("make tasks of them with `asyncio.create_task`, or use `asyncio.gather(*…)`".into());
                checker.report(finding);
            }
        }
        _ => {}
    }
}

fn report_list<'a>(checker: &mut Checker<'a, '_>, argument: &'a Expr) {
    let mut finding = checker.finding(&RULE, argument.range(), "`asyncio.gather` is given a list");
    finding.primary.text = "it takes the coroutines themselves, each as an argument".into();
    let place = checker.file.place(TextRange::empty(argument.start()));
    let needs_brackets = matches!(argument, Expr::Generator(generator) if !generator.parenthesized);
    let mut edits = vec![Edit { place, replacement: if needs_brackets { "*(" } else { "*" }.into() }];
    if needs_brackets {
        edits.push(Edit { place: checker.file.place(TextRange::empty(argument.end())), replacement: ")".into() });
    }
    finding.fix = Some(Fix { title: "unpack it with `*`".into(), edits, safe: true });
    checker.report(finding);
}
