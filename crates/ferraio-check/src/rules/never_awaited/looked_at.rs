//! Coroutines under a name that is only looked at: printed, compared, formatted, measured. Whatever the program does
//! with such a name, it does not await what is under it.
//!
//! Any other use counts as one that may await, so that what is said here is certain.

use std::rc::Rc;

use ruff_python_ast::visitor::{Visitor, walk_expr, walk_stmt};
use ruff_python_ast::{Expr, ExprCall, InterpolatedStringElement, Stmt};

use super::arguments::{is_looker, is_str_format};
use crate::check::Checker;
use crate::infer::full_name;
use crate::types::Frame;

/// What is under the name.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Held {
    /// A coroutine. Where its truth is asked for, that is reported at its place.
    Coroutine,
    /// A collection of coroutines.
    Collection,
}

/// Whether a name is read in a scope, and only to look at what is under it. `frame` is that of the scope.
pub fn is_only_looked_at<'a>(
    checker: &Checker<'a, '_>,
    body: &'a [Stmt],
    name: &str,
    held: Held,
    frame: &Rc<Frame<'a>>,
) -> bool {
    let mut reads = Reads { name, held, lookers: Vec::new(), items: Vec::new(), looks: 0, may_await: false, depth: 0 };
    body.iter().for_each(|statement| reads.visit_stmt(statement));
    let Reads { lookers, items, looks, may_await, .. } = reads;
    let count = looks + lookers.len() + items.len();
    count > 0
        && !may_await
        && lookers.into_iter().all(|call| {
            is_str_format(call)
                || full_name(&checker.infer.expression(&call.func, frame)).is_some_and(|name| is_looker(&name, held))
        })
        && items.into_iter().all(|(item, inner)| is_only_looked_at(checker, inner, item, Held::Coroutine, frame))
}

/// Collects how a name is read. Other functions that read it may do anything with it.
struct Reads<'a, 'n> {
    name: &'n str,
    held: Held,
    /// The calls that it is given to.
    lookers: Vec<&'a ExprCall>,
    /// The names that its items get in `for`, and the body in which they have them.
    items: Vec<(&'a str, &'a [Stmt])>,
    /// How often it is only looked at, calls not counted.
    looks: usize,
    may_await: bool,
    depth: usize,
}

/// Deeper down nobody looks.
const DEEPEST: usize = 200;

impl<'a> Reads<'a, '_> {
    fn is_name(&self, expression: &Expr) -> bool {
        matches!(expression, Expr::Name(name) if name.id.as_str() == self.name && !name.ctx.is_store())
    }

    /// Take note of an operand that is looked at, or walk on into it.
    fn look(&mut self, expression: &'a Expr) {
        if self.is_name(expression) {
            self.looks += 1;
        } else {
            self.visit_expr(expression);
        }
    }

    fn test(&mut self, expression: &'a Expr) {
        match self.held {
            Held::Collection => self.look(expression),
            Held::Coroutine => self.visit_expr(expression),
        }
    }
}

impl<'a> Visitor<'a> for Reads<'a, '_> {
    fn visit_stmt(&mut self, statement: &'a Stmt) {
        if self.may_await || self.depth > DEEPEST {
            self.may_await = true;
            return;
        }
        self.depth += 1;
        match statement {
            Stmt::Expr(only) => self.look(&only.value),
            Stmt::Delete(delete) => delete.targets.iter().for_each(|target| self.look(target)),
            Stmt::For(each) if self.held == Held::Collection && !each.is_async && self.is_name(&each.iter) => {
                match &*each.target {
                    Expr::Name(item) => self.items.push((&item.id, &each.body)),
                    _ => self.may_await = true,
                }
                each.body.iter().chain(&each.orelse).for_each(|inner| self.visit_stmt(inner));
            }
            Stmt::AugAssign(assign) if matches!(&*assign.target, Expr::Name(name) if name.id.as_str() == self.name) => {
                self.may_await = true;
            }
            Stmt::If(branch) if self.held == Held::Collection => {
                self.test(&branch.test);
                branch.body.iter().for_each(|inner| self.visit_stmt(inner));
                for clause in &branch.elif_else_clauses {
                    clause.test.iter().for_each(|test| self.test(test));
                    clause.body.iter().for_each(|inner| self.visit_stmt(inner));
                }
            }
            Stmt::FunctionDef(_) | Stmt::ClassDef(_) => {
                let inside = crate::tree::NamesRead::of(std::slice::from_ref(statement));
                self.may_await |= inside.contains(self.name);
            }
            Stmt::Global(_) | Stmt::Nonlocal(_) => self.may_await = true,
            _ => walk_stmt(self, statement),
        }
        self.depth -= 1;
    }

    fn visit_expr(&mut self, expression: &'a Expr) {
        if self.may_await || self.depth > DEEPEST {
            self.may_await = true;
            return;
        }
        self.depth += 1;
        match expression {
            Expr::Name(name) => {
                let sees_all = matches!(name.id.as_str(), "locals" | "vars" | "eval" | "exec");
                self.may_await |= sees_all || self.is_name(expression);
            }
            Expr::Call(call) => {
                self.visit_expr(&call.func);
                let mut is_given = false;
                for argument in
                    call.arguments.args.iter().chain(call.arguments.keywords.iter().map(|named| &named.value))
                {
                    let given = match argument {
                        Expr::Starred(all) if self.held == Held::Collection => &all.value,
                        other => other,
                    };
                    if self.is_name(given) {
                        is_given = true;
                    } else {
                        self.visit_expr(argument);
                    }
                }
                if is_given {
                    self.lookers.push(call);
                }
            }
            Expr::Compare(compare) => {
                self.look(&compare.left);
                compare.comparators.iter().for_each(|operand| self.look(operand));
            }
            Expr::UnaryOp(operation) if operation.op.is_not() => self.test(&operation.operand),
            Expr::FString(text) => {
                for element in text.value.elements() {
                    self.visit_interpolated_string_element(element);
                }
            }
            _ => walk_expr(self, expression),
        }
        self.depth -= 1;
    }

    fn visit_interpolated_string_element(&mut self, element: &'a InterpolatedStringElement) {
        if let InterpolatedStringElement::Interpolation(inner) = element {
            self.look(&inner.expression);
            if let Some(spec) = &inner.format_spec {
                spec.elements.iter().for_each(|element| self.visit_interpolated_string_element(element));
            }
        }
    }
}
