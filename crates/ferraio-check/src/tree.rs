//! Questions about pieces of the tree: what is in it, without what is in functions inside.

use ruff_python_ast::visitor::{Visitor, walk_expr, walk_stmt};
use ruff_python_ast::{Expr, ExprCall, InterpolatedStringElement, Stmt};
use rustc_hash::FxHashSet;

/// Deeper down nobody looks.
const DEEPEST: usize = 400;

/// Visits what runs when the statements run: not the bodies of functions and lambdas inside.
struct Search<'q, F: FnMut(Node<'_>) -> bool> {
    question: &'q mut F,
    found: bool,
    depth: usize,
}

/// A statement or an expression.
#[derive(Clone, Copy)]
pub enum Node<'a> {
    /// A statement.
    Stmt(&'a Stmt),
    /// An expression.
    Expr(&'a Expr),
}

impl<'a, F: FnMut(Node<'_>) -> bool> Visitor<'a> for Search<'_, F> {
    fn visit_stmt(&mut self, statement: &'a Stmt) {
        if self.found || self.depth > DEEPEST {
            return;
        }
        if (self.question)(Node::Stmt(statement)) {
            self.found = true;
            return;
        }
        if !matches!(statement, Stmt::FunctionDef(_) | Stmt::ClassDef(_)) {
            self.depth += 1;
            walk_stmt(self, statement);
            self.depth -= 1;
        }
    }

    fn visit_expr(&mut self, expression: &'a Expr) {
        if self.found || self.depth > DEEPEST {
            return;
        }
        if (self.question)(Node::Expr(expression)) {
            self.found = true;
            return;
        }
        if !matches!(expression, Expr::Lambda(_)) {
            self.depth += 1;
            walk_expr(self, expression);
            self.depth -= 1;
        }
    }
}

/// Whether a statement or expression among these answers the question.
pub fn any_in_body(body: &[Stmt], mut question: impl FnMut(Node<'_>) -> bool) -> bool {
    let mut search = Search { question: &mut question, found: false, depth: 0 };
    for statement in body {
        search.visit_stmt(statement);
    }
    search.found
}

/// Whether a part of this expression, or the whole, answers the question.
pub fn any_in_expression(expression: &Expr, mut question: impl FnMut(Node<'_>) -> bool) -> bool {
    let mut search = Search { question: &mut question, found: false, depth: 0 };
    search.visit_expr(expression);
    search.found
}

/// Collect the calls that run when the body runs, in the order of the text; only those that run each time, if wanted.
pub fn each_call<'a>(body: &'a [Stmt], only_certain: bool, calls: &mut Vec<&'a ExprCall>) {
    let mut collector = Calls { calls, depth: 0, only_certain };
    for statement in body {
        collector.visit_stmt(statement);
    }
}

struct Calls<'a, 'c> {
    calls: &'c mut Vec<&'a ExprCall>,
    depth: usize,
    only_certain: bool,
}

impl<'a> Visitor<'a> for Calls<'a, '_> {
    fn visit_stmt(&mut self, statement: &'a Stmt) {
        let is_choice = matches!(statement, Stmt::If(_) | Stmt::While(_) | Stmt::For(_) | Stmt::Match(_))
            || matches!(statement, Stmt::Try(attempt) if !attempt.handlers.is_empty());
        let is_left_out = matches!(statement, Stmt::FunctionDef(_) | Stmt::ClassDef(_));
        if self.depth <= DEEPEST && !is_left_out && !(self.only_certain && is_choice) {
            self.depth += 1;
            walk_stmt(self, statement);
            self.depth -= 1;
        }
    }

    fn visit_expr(&mut self, expression: &'a Expr) {
        let is_choice = expression.is_if_expr() || expression.is_bool_op_expr();
        if self.depth > DEEPEST || expression.is_lambda_expr() || (self.only_certain && is_choice) {
            return;
        }
        if let Expr::Call(call) = expression {
            self.calls.push(call);
        }
        self.depth += 1;
        walk_expr(self, expression);
        self.depth -= 1;
    }
}

/// Whether a body makes its function a generator.
pub fn contains_yield(body: &[Stmt]) -> bool {
    any_in_body(body, |node| matches!(node, Node::Expr(Expr::Yield(_) | Expr::YieldFrom(_))))
}

/// Whether something is awaited in a body: `await`, `async for`, `async with`.
pub fn contains_await(body: &[Stmt]) -> bool {
    any_in_body(body, is_await)
}

fn is_await(node: Node<'_>) -> bool {
    match node {
        Node::Expr(Expr::Await(_)) => true,
        Node::Expr(Expr::ListComp(inner)) => inner.generators.iter().any(|generator| generator.is_async),
        Node::Expr(Expr::SetComp(inner)) => inner.generators.iter().any(|generator| generator.is_async),
        Node::Expr(Expr::DictComp(inner)) => inner.generators.iter().any(|generator| generator.is_async),
        Node::Expr(Expr::Generator(inner)) => inner.generators.iter().any(|generator| generator.is_async),
        Node::Stmt(Stmt::For(each)) => each.is_async,
        Node::Stmt(Stmt::With(with)) => with.is_async,
        _ => false,
    }
}

/// The names that are read somewhere.
#[derive(Default)]
pub struct NamesRead<'a> {
    names: FxHashSet<&'a str>,
    /// Those among them that are read for more than to look at what is under them.
    used: FxHashSet<&'a str>,
    /// Names may be read that nobody sees: `locals()`, code that is nested too deep.
    any: bool,
    depth: usize,
    /// How many functions and classes are around: what they do with a name is not looked into.
    inside: usize,
}

impl<'a> NamesRead<'a> {
    /// Look at a body, the functions inside included.
    pub fn of(body: &'a [Stmt]) -> Self {
        let mut read = Self::default();
        for statement in body {
            read.visit_stmt(statement);
        }
        read
    }

    /// Whether a name is read.
    pub fn contains(&self, name: &str) -> bool {
        self.any || self.names.contains(name)
    }

    /// Whether a name is read, and by all appearances only to look at what is under it: to print it, to compare it.
    pub fn may_be_only_looked_at(&self, name: &str) -> bool {
        !self.any && self.names.contains(name) && !self.used.contains(name)
    }

    fn look(&mut self, expression: &'a Expr) {
        match expression {
            Expr::Name(name) if self.inside == 0 && !name.ctx.is_store() => drop(self.names.insert(&name.id)),
            other => self.visit_expr(other),
        }
    }
}

impl<'a> Visitor<'a> for NamesRead<'a> {
    fn visit_stmt(&mut self, statement: &'a Stmt) {
        let is_scope = matches!(statement, Stmt::FunctionDef(_) | Stmt::ClassDef(_));
        match statement {
            _ if self.any || self.depth > DEEPEST => {
                self.any = true;
                return;
            }
            Stmt::Global(global) => {
                self.names.extend(global.names.iter().map(|name| name.as_str()));
                self.used.extend(global.names.iter().map(|name| name.as_str()));
            }
            Stmt::Nonlocal(nonlocal) => {
                self.names.extend(nonlocal.names.iter().map(|name| name.as_str()));
                self.used.extend(nonlocal.names.iter().map(|name| name.as_str()));
            }
            // `x += 1` reads it, too.
            Stmt::AugAssign(assign) => {
                if let Expr::Name(name) = &*assign.target {
                    self.names.insert(&name.id);
                    self.used.insert(&name.id);
                }
            }
            _ => {}
        }
        self.depth += 1;
        self.inside += usize::from(is_scope);
        match statement {
            Stmt::Expr(only) => self.look(&only.value),
            Stmt::Delete(delete) => delete.targets.iter().for_each(|target| self.look(target)),
            Stmt::For(each) => {
                self.look(&each.iter);
                self.visit_expr(&each.target);
                each.body.iter().chain(&each.orelse).for_each(|inner| self.visit_stmt(inner));
            }
            Stmt::If(branch) => {
                self.look(&branch.test);
                branch.body.iter().for_each(|inner| self.visit_stmt(inner));
                for clause in &branch.elif_else_clauses {
                    clause.test.iter().for_each(|test| self.look(test));
                    clause.body.iter().for_each(|inner| self.visit_stmt(inner));
                }
            }
            _ => walk_stmt(self, statement),
        }
        self.inside -= usize::from(is_scope);
        self.depth -= 1;
    }

    fn visit_expr(&mut self, expression: &'a Expr) {
        if self.any || self.depth > DEEPEST {
            self.any = true;
            return;
        }
        if let Expr::Name(name) = expression {
            if matches!(name.id.as_str(), "locals" | "vars" | "eval" | "exec") {
                self.any = true;
            } else if !name.ctx.is_store() {
                self.names.insert(&name.id);
                self.used.insert(&name.id);
            }
            return;
        }
        let is_scope = expression.is_lambda_expr();
        self.depth += 1;
        self.inside += usize::from(is_scope);
        match expression {
            Expr::Call(call) if may_only_look(&call.func) => {
                self.visit_expr(&call.func);
                for argument in
                    call.arguments.args.iter().chain(call.arguments.keywords.iter().map(|named| &named.value))
                {
                    match argument {
                        Expr::Starred(all) => self.look(&all.value),
                        one => self.look(one),
                    }
                }
            }
            Expr::Compare(compare) => {
                self.look(&compare.left);
                compare.comparators.iter().for_each(|operand| self.look(operand));
            }
            Expr::UnaryOp(operation) if operation.op.is_not() => self.look(&operation.operand),
            _ => walk_expr(self, expression),
        }
        self.inside -= usize::from(is_scope);
        self.depth -= 1;
    }

    fn visit_interpolated_string_element(&mut self, element: &'a InterpolatedStringElement) {
        if let InterpolatedStringElement::Interpolation(inner) = element {
            self.look(&inner.expression);
            if let Some(format) = &inner.format_spec {
                format.elements.iter().for_each(|element| self.visit_interpolated_string_element(element));
            }
        }
    }
}

/// Whether a function that is called so may be one that looks at what it is given, and no more: `print`, `logger.info`.
fn may_only_look(function: &Expr) -> bool {
    match function {
        Expr::Name(name) => LOOKING.contains(&name.id.as_str()),
        Expr::Attribute(attribute) => {
            LOOKING.contains(&attribute.attr.as_str())
                || attribute.attr.starts_with("assert")
                || matches!(&*attribute.value, Expr::Name(module) if module.id.as_str() == "math")
        }
        _ => false,
    }
}

const LOOKING: [&str; 39] = [
    "print",
    "str",
    "len",
    "int",
    "float",
    "list",
    "tuple",
    "set",
    "dict",
    "sorted",
    "sum",
    "min",
    "max",
    "any",
    "all",
    "enumerate",
    "zip",
    "bool",
    "bytes",
    "abs",
    "round",
    "range",
    "format",
    "repr",
    "divmod",
    "exit",
    "SystemExit",
    "dumps",
    "dump",
    "loads",
    "debug",
    "info",
    "warning",
    "warn",
    "error",
    "exception",
    "critical",
    "fatal",
    "log",
];
