//! Coroutines that are given a name which nobody reads, or reads only to look at them.

use ruff_python_ast::{Expr, Stmt};

use super::arguments::elements;
use super::looked_at::{Held, is_only_looked_at};
use super::{finding, with_await};
use crate::check::{Checker, Site};
use crate::infer::blocks;
use crate::tree::NamesRead;
use crate::types::{FrameKind, Kind, Type};

/// Look at the names of a scope, given its whole body.
pub fn unused<'a>(checker: &mut Checker<'a, '_>, body: &'a [Stmt], read: &NamesRead<'a>, site: &Site<'a>) {
    if matches!(site.frame.kind, FrameKind::Class(_)) || site.expects_warnings {
        return;
    }
    block(checker, body, &Scope { body, read }, site, 0);
}

/// A scope: its whole body, and the names that are read in it.
struct Scope<'a, 'r> {
    body: &'a [Stmt],
    read: &'r NamesRead<'a>,
}

fn block<'a>(checker: &mut Checker<'a, '_>, body: &'a [Stmt], scope: &Scope<'a, '_>, site: &Site<'a>, depth: usize) {
    if depth > 50 {
        return;
    }
    for (index, statement) in body.iter().enumerate() {
        for inner in blocks(statement) {
            block(checker, inner, scope, site, depth + 1);
        }
        let Some((name, value)) = assigned(statement) else { continue };
        if site.frame.scope.foreign.contains(name) || !may_make_coroutines(value) {
            continue;
        }
        let bound = site.frame.scope.get(name).map_or(0, <[_]>::len);
        let is_lost = !scope.read.contains(name) || (bound > 1 && is_overwritten(&body[index + 1..], name));
        let may_be_looked_at = !is_lost && scope.read.may_be_only_looked_at(name);
        if !(is_lost || may_be_looked_at) || name == "__all__" || is_exported(checker, site, name) {
            continue;
        }
        for (made, maker) in coroutines(checker, value, site) {
            let is_collection = elements(value).is_some() || matches!(made, Type::Container(..));
            let held = if is_collection { Held::Collection } else { Held::Coroutine };
            if is_lost || is_only_looked_at(checker, scope.body, name, held, &site.frame) {
                report(checker, name, maker, &made, site);
            }
        }
    }
}

/// The coroutines that a value makes, each with the expression that makes it: the value, or what is in a display.
fn coroutines<'a>(checker: &Checker<'a, '_>, value: &'a Expr, site: &Site<'a>) -> Vec<(Type<'a>, &'a Expr)> {
    let makes_one = |expression: &'a Expr| {
        let made = checker.infer.expression(expression, &site.frame);
        let is_one = match &made {
            Type::Container(Kind::List | Kind::Set, elements) if elements.len() == 1 => elements[0].is_coroutine(),
            other => other.is_coroutine(),
        };
        is_one.then_some((made, expression))
    };
    match elements(value) {
        Some(elements) => elements.into_iter().filter(|element| element.is_call_expr()).filter_map(makes_one).collect(),
        None => makes_one(value).into_iter().collect(),
    }
}

fn report<'a>(checker: &mut Checker<'a, '_>, name: &str, value: &'a Expr, made: &Type<'a>, site: &Site<'a>) {
    let (coroutine, said) = match made {
        Type::Container(_, elements) => (&elements[0], "these coroutines are kept, and never awaited"),
        other => (other, "this makes a coroutine that nobody awaits"),
    };
    let mut found = finding(checker, value, coroutine, said, site);
    if let Type::Container(..) = made {
        found.title = format!("the coroutines in `{name}` are never awaited");
        found.help = Some(format!("`await asyncio.gather(*{name})`"));
    } else if value.is_call_expr() {
        found = with_await(checker, found, value, coroutine, false, site);
    }
    checker.report(found);
}

/// `name = value`, if a statement is that and no more.
fn assigned(statement: &Stmt) -> Option<(&str, &Expr)> {
    match statement {
        Stmt::Assign(assign) => match assign.targets.as_slice() {
            [Expr::Name(name)] => Some((name.id.as_str(), &*assign.value)),
            _ => None,
        },
        Stmt::AnnAssign(assign) => match (&*assign.target, assign.value.as_deref()) {
            (Expr::Name(name), Some(value)) => Some((name.id.as_str(), value)),
            _ => None,
        },
        _ => None,
    }
}

fn may_make_coroutines(value: &Expr) -> bool {
    matches!(value, Expr::Call(_) | Expr::ListComp(_) | Expr::SetComp(_) | Expr::If(_)) || elements(value).is_some()
}

/// Whether the next thing that happens to a name in this block is that it gets another value.
fn is_overwritten(rest: &[Stmt], name: &str) -> bool {
    for statement in rest {
        if NamesRead::of(std::slice::from_ref(statement)).contains(name) {
            return false;
        }
        if assigned(statement).is_some_and(|(again, _)| again == name) {
            return true;
        }
        if matches!(statement, Stmt::Return(_) | Stmt::Raise(_) | Stmt::Break(_) | Stmt::Continue(_)) {
            return false;
        }
    }
    false
}

/// Names of a module may be read by others.
fn is_exported(checker: &Checker<'_, '_>, site: &Site<'_>, name: &str) -> bool {
    matches!(site.frame.kind, FrameKind::Module) && checker.file.is_package && !name.starts_with('_')
}
