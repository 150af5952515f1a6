#![doc = include_str!("../../../../docs/rules/FER008.md")]

use ferraio_report::Severity;
use ruff_python_ast::{
    Comprehension, Expr, ExprCall, ExprGenerator as Generator, ExprListComp as ListComp, ExprSetComp as SetComp, Stmt,
};
use ruff_text_size::Ranged;

use super::Rule;
use crate::check::{Checker, Site};
use crate::infer::asyncio_name;
use crate::tree::{Node, any_in_body, any_in_expression};

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

/// Look at a gather whose results get a name that is read, in a scope with this body: exceptions among the results are
/// for somebody who looks for them.
pub fn named<'a>(checker: &mut Checker<'a, '_>, name: &str, value: &'a Expr, body: &'a [Stmt], site: &Site<'a>) {
    let Expr::Await(awaited) = value else { return };
    let Expr::Call(call) = &*awaited.value else { return };
    let returns_exceptions = call
        .arguments
        .find_keyword("return_exceptions")
        .is_some_and(|keyword| matches!(&keyword.value, Expr::BooleanLiteral(literal) if literal.value));
    if !returns_exceptions || !is_gather(checker, call, site) || !are_taken_for_results(name, body) {
        return;
    }
    let mut finding = checker.finding(&RULE, call.range(), "errors of what is gathered here are seen by nobody");
    finding.primary.text = format!("the exceptions among `{name}` are taken for results");
    finding.help = Some("ask `isinstance(…, BaseException)` first, or leave `return_exceptions` out".into());
    checker.report(finding);
}

/// Whether a name is read only to iterate over what is under it, and each item is used as a result without a question.
fn are_taken_for_results(name: &str, body: &[Stmt]) -> bool {
    let is_name = |expression: &Expr| matches!(expression, Expr::Name(found) if found.id == *name);
    let (mut reads, mut proofs) = (0_usize, 0_usize);
    any_in_body(body, |node| {
        match node {
            Node::Expr(Expr::Name(found)) => reads += usize::from(found.id == *name && !found.ctx.is_store()),
            Node::Expr(Expr::Lambda(_)) | Node::Stmt(Stmt::FunctionDef(_) | Stmt::ClassDef(_)) => reads += 1,
            Node::Expr(Expr::ListComp(ListComp { elt, generators, .. }))
            | Node::Expr(Expr::SetComp(SetComp { elt, generators, .. }))
            | Node::Expr(Expr::Generator(Generator { elt, generators, .. })) => {
                if let [Comprehension { target: Expr::Name(item), iter, ifs, .. }] = generators.as_slice()
                    && is_name(iter)
                    && ifs.is_empty()
                {
                    proofs += usize::from(is_taken_for_result(&item.id, |ask| any_in_expression(elt, ask)));
                }
            }
            Node::Stmt(Stmt::For(each)) if is_name(&each.iter) => {
                if let Expr::Name(item) = &*each.target {
                    proofs += usize::from(is_taken_for_result(&item.id, |ask| any_in_body(&each.body, ask)));
                }
            }
            _ => {}
        }
        false
    });
    reads > 0 && reads == proofs
}

/// Whether all that is done with an item is what an exception is not made for. `walk` asks a question of each node of
/// the text in which the item has its name.
fn is_taken_for_result(item: &str, walk: impl Fn(&mut dyn FnMut(Node<'_>) -> bool) -> bool) -> bool {
    let is_item = |expression: &Expr| matches!(expression, Expr::Name(found) if found.id == *item);
    let (mut reads, mut uses) = (0_usize, 0_usize);
    walk(&mut |node| {
        let Node::Expr(expression) = node else { return false };
        match expression {
            Expr::Name(found) => reads += usize::from(found.id == *item),
            Expr::Lambda(_) => reads += 1,
            Expr::Attribute(attribute) => {
                uses += usize::from(is_item(&attribute.value) && !OF_EXCEPTIONS.contains(&attribute.attr.as_str()));
            }
            Expr::Subscript(subscript) => uses += usize::from(is_item(&subscript.value)),
            Expr::BinOp(operation) => {
                uses += usize::from(is_item(&operation.left)) + usize::from(is_item(&operation.right));
            }
            Expr::Call(call) if matches!(&*call.func, Expr::Name(name) if matches!(name.id.as_str(), "len" | "int" | "float" | "sum")) =>
            {
                uses += call.arguments.args.iter().filter(|argument| is_item(argument)).count();
            }
            _ => {}
        }
        false
    });
    reads > 0 && reads == uses
}

/// What one asks an exception for.
const OF_EXCEPTIONS: [&str; 9] =
    ["args", "errno", "strerror", "exceptions", "code", "__class__", "__traceback__", "__cause__", "add_note"];

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
        any_in_body(
            &function.body,
            |node| matches!(node, Node::Expr(Expr::Attribute(attribute)) if attribute.attr.as_str() == "cancel"),
        )
    });
    cancels || !makes_coroutines(call) && checker.file.text.contains(".cancel(")
}
