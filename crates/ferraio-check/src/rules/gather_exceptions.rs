#![doc = include_str!("../../../../docs/rules/FER008.md")]

use ferraio_report::Severity;
use ruff_python_ast::{Expr, ExprCall};
use ruff_text_size::Ranged;

use super::Rule;
use crate::check::{Checker, Site};
use crate::infer::asyncio_name;

/// Errors of what is gathered that nobody sees.
pub const RULE: Rule = Rule {
    code: "FER008",
    name: "gather-without-exceptions-handled",
    severity: Severity::Warning,
    is_default: true,
    page: include_str!("../../../../docs/rules/FER008.md"),
};

/// Look at an expression that is a statement, or is given a name that nobody reads.
pub fn statement<'a>(checker: &mut Checker<'a, '_>, expression: &'a Expr, site: &Site<'a>) {
    let (call, is_awaited) = match expression {
        Expr::Await(awaited) => match &*awaited.value {
            Expr::Call(call) => (call, true),
            _ => return,
        },
        Expr::Call(call) => (call, false),
        _ => return,
    };
    let mentions = match &*call.func {
        Expr::Name(_) => true,
        Expr::Attribute(attribute) => attribute.attr.as_str() == "gather",
        _ => false,
    };
    if !mentions || !is_gather(checker, call, site) {
        return;
    }
    let returns_exceptions = call
        .arguments
        .find_keyword("return_exceptions")
        .map(|keyword| matches!(&keyword.value, Expr::BooleanLiteral(literal) if literal.value));
    let (said, help) = match (is_awaited, returns_exceptions) {
        (false, _) => (
            "nobody awaits it: errors in it are seen by nobody",
            "`await` it, or start the coroutines in an `asyncio.TaskGroup`",
        ),
        (true, Some(true)) if !is_cleanup(checker, call, site) => (
            "the results are dropped, and the exceptions among them with them",
            "look at the results, or use an `asyncio.TaskGroup`, which raises what went wrong",
        ),
        _ => return,
    };
    let mut finding = checker.finding(&RULE, call.range(), "errors of what is gathered here are seen by nobody");
    finding.primary.text = said.into();
    finding.help = Some(help.into());
    checker.report(finding);
}

fn is_gather<'a>(checker: &Checker<'a, '_>, call: &'a ExprCall, site: &Site<'a>) -> bool {
    let callee = checker.infer.expression(&call.func, &site.frame);
    asyncio_name(&callee).is_some_and(|name| name == "gather")
}

/// Coroutines are gathered that are made here; tasks have somebody who holds them.
fn makes_coroutines(call: &ExprCall) -> bool {
    call.arguments.args.iter().any(|argument| match argument {
        Expr::Call(_) => true,
        Expr::Starred(starred) => !starred.value.is_name_expr() && !starred.value.is_attribute_expr(),
        _ => false,
    })
}

/// Tasks that have just been cancelled are waited for so, and their CancelledErrors are nobody's business.
fn is_cleanup<'a>(checker: &Checker<'a, '_>, call: &'a ExprCall, site: &Site<'a>) -> bool {
    let cancels = site.function().is_some_and(|function| {
        crate::tree::any_in_body(&function.body, |node| {
            matches!(node, crate::tree::Node::Expr(Expr::Attribute(attribute)) if attribute.attr.as_str() == "cancel")
        })
    });
    cancels || !makes_coroutines(call) && checker.file.text.contains(".cancel(")
}
