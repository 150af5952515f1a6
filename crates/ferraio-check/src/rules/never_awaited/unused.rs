//! Coroutines that are given a name which nobody reads.

use ruff_python_ast::{Expr, Stmt};
use ruff_text_size::Ranged;

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
    block(checker, body, read, site, 0);
}

fn block<'a>(checker: &mut Checker<'a, '_>, body: &'a [Stmt], read: &NamesRead<'a>, site: &Site<'a>, depth: usize) {
    if depth > 50 {
        return;
    }
    for (index, statement) in body.iter().enumerate() {
        for inner in blocks(statement) {
            block(checker, inner, read, site, depth + 1);
        }
        let Some((name, value)) = assigned(statement) else { continue };
        if site.frame.scope.foreign.contains(name) || !may_make_coroutines(value) {
            continue;
        }
        let bound = site.frame.scope.get(name).map_or(0, <[_]>::len);
        let is_lost = !read.contains(name) || (bound > 1 && is_overwritten(&body[index + 1..], name));
        if !is_lost || (name == "__all__" || is_exported(checker, site, name)) {
            continue;
        }
        let made = checker.infer.expression(value, &site.frame);
        let (coroutine, said) = match &made {
            Type::Container(Kind::List | Kind::Set, elements) if elements.len() == 1 => {
                (&elements[0], "these coroutines are kept, and never awaited")
            }
            other => (other, "this makes a coroutine that nobody awaits"),
        };
        if !coroutine.is_coroutine() {
            continue;
        }
        let mut found = finding(checker, value, coroutine, said, site);
        if let Type::Container(..) = &made {
            found.title = format!("the coroutines in `{name}` are never awaited");
            found.help = Some(format!("`await asyncio.gather(*{name})`"));
        } else if matches!(value, Expr::Call(_)) {
            found = with_await(checker, found, value, coroutine, false, site);
        }
        if found.primary.place.range().is_empty() {
            found.primary.place = checker.file.place(value.range());
        }
        checker.report(found);
    }
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
    matches!(value, Expr::Call(_) | Expr::List(_) | Expr::ListComp(_) | Expr::Set(_) | Expr::SetComp(_) | Expr::If(_))
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
