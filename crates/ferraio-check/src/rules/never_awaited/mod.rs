#![doc = include_str!("../../../../../docs/rules/FER001.md")]

mod arguments;
mod looked_at;
mod unused;

pub use arguments::{annotated, arguments, callback, has_call_among_arguments, returned};
pub use unused::unused;

use ferraio_report::{Edit, Finding, Fix, Severity};
use ruff_python_ast::{Expr, ExprCall};
use ruff_text_size::{Ranged, TextRange};

use super::Rule;
use crate::check::{Checker, Site, Use};
use crate::infer::ends_with;
use crate::types::Type;

/// A coroutine is made and nobody awaits it.
pub const RULE: Rule = Rule {
    code: "FER001",
    name: "never-awaited",
    severity: Severity::Error,
    is_default: true,
    page: include_str!("../../../../../docs/rules/FER001.md"),
};

/// Look at a value that is used so.
pub fn value<'a>(checker: &mut Checker<'a, '_>, expression: &'a Expr, used: Use<'a>, site: &Site<'a>) {
    let said = match (expression, used) {
        (_, Use::Kept | Use::Awaited) => return,
        (Expr::Call(_) | Expr::Await(_), _) => said_of_call(used),
        // Only where a coroutine kept under a name is a mistake whatever happens to it later.
        (Expr::Name(_) | Expr::Attribute(_), _) => said_of_name(used),
        _ => None,
    };
    let Some(said) = said else { return };
    let is_looked_at = checker.has_async || used == Use::Dropped;
    if !is_looked_at || site.expects_warnings || is_registration(expression) {
        return;
    }
    if is_thread_of_coroutine(expression) {
        return;
    }
    let value = checker.infer.expression(expression, &site.frame);
    if !value.is_coroutine() {
        return;
    }
    let finding = finding(checker, expression, &value, said, site);
    let finding = if matches!(expression, Expr::Call(_)) {
        with_await(checker, finding, expression, &value, needs_brackets(used), site)
    } else {
        finding
    };
    checker.report(finding);
}

/// `await asyncio.to_thread(save)`: the function is reported where it is given, as a plain one is wanted there.
fn is_thread_of_coroutine(expression: &Expr) -> bool {
    matches!(expression, Expr::Await(awaited)
        if matches!(&*awaited.value, Expr::Call(call)
            if ["to_thread", "run_in_executor"].iter().any(|name| ends_with(&call.func, name))))
}

/// A decorator that is applied by hand, as in `app.get("/")(handler)`, is called for what it registers.
fn is_registration(expression: &Expr) -> bool {
    let Expr::Call(call) = expression else { return false };
    let takes_function = matches!(&*call.arguments.args, [Expr::Name(_) | Expr::Attribute(_)]);
    call.func.is_call_expr() && takes_function && call.arguments.keywords.is_empty()
}

fn said_of_call(used: Use<'_>) -> Option<&'static str> {
    Some(match used {
        Use::Dropped => "this makes a coroutine and drops it",
        Use::Tested => "a coroutine is always true",
        Use::Formatted => "this is the text of a coroutine, not of its result",
        Use::Operand => "this is a coroutine, not its result",
        Use::Compared => "a coroutine equals nothing but itself",
        Use::Attribute(name) if is_of_coroutines(name) => return None,
        Use::Attribute(_) => "a coroutine does not have the attributes of its result",
        Use::Subscripted => "a coroutine has no items",
        Use::Iterated(_) => "a coroutine cannot be iterated over",
        Use::Entered(_) => "a coroutine cannot be entered",
        Use::Called => "a coroutine cannot be called",
        Use::Awaited | Use::Kept => return None,
    })
}

fn said_of_name(used: Use<'_>) -> Option<&'static str> {
    match used {
        Use::Dropped | Use::Formatted | Use::Compared | Use::Called => None,
        other => said_of_call(other),
    }
}

/// What one may do with a coroutine itself.
fn is_of_coroutines(name: &str) -> bool {
    matches!(name, "close" | "send" | "throw") || name.starts_with("cr_") || name.starts_with("__")
}

fn needs_brackets(used: Use<'_>) -> bool {
    matches!(used, Use::Attribute(_) | Use::Subscripted | Use::Called)
}

/// Begin a finding: this expression is a coroutine that nobody awaits.
fn finding<'a>(
    checker: &Checker<'a, '_>,
    expression: &'a Expr,
    value: &Type<'a>,
    said: &str,
    _site: &Site<'a>,
) -> Finding {
    let shown = match expression {
        Expr::Call(call) => format!("{}()", checker.text(&*call.func)),
        other => checker.text(other),
    };
    let title = match expression {
        Expr::Await(_) => format!("`{shown}` gives another coroutine, which is never awaited"),
        _ => format!("`{shown}` is never awaited"),
    };
    let mut finding = checker.finding(&RULE, expression.range(), title);
    finding.primary.text = said.to_owned();
    finding.secondary.extend(checker.definition_of(value));
    finding
}

/// Add what to do: `await` where that is possible.
fn with_await<'a>(
    checker: &Checker<'a, '_>,
    mut finding: Finding,
    expression: &'a Expr,
    _value: &Type<'a>,
    in_brackets: bool,
    site: &Site<'a>,
) -> Finding {
    if site.is_async {
        finding.fix = Some(await_fix(checker, expression.range(), in_brackets));
    } else if let Some(function) = site.function() {
        let call = checker.text(expression);
        finding.help = Some(format!(
            "make `{}` an `async def` and write `await {call}`; or `asyncio.run({call})`, if no loop is running",
            function.name
        ));
    } else {
        finding.help = Some(format!("start it with `asyncio.run({})`", checker.text(expression)));
    }
    finding
}

/// The change that adds `await`.
pub fn await_fix(checker: &Checker<'_, '_>, range: TextRange, in_brackets: bool) -> Fix {
    let before = checker.file.place(TextRange::empty(range.start()));
    let mut edits =
        vec![Edit { place: before, replacement: if in_brackets { "(await " } else { "await " }.to_owned() }];
    if in_brackets {
        edits.push(Edit { place: checker.file.place(TextRange::empty(range.end())), replacement: ")".into() });
    }
    Fix { title: "add `await`".into(), edits, safe: true }
}

/// A call as users read it.
fn shown(checker: &Checker<'_, '_>, call: &ExprCall) -> String {
    format!("{}()", checker.text(&*call.func))
}
