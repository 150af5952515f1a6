//! The names of a scope, and what each is bound to.
//!
//! One walk over the statements of a module, a class or a function; functions and classes inside are names here and
//! scopes of their own. Each binding remembers where it stands, so that a use can tell which ones can reach it.

use std::collections::{HashMap, HashSet};

use ruff_python_ast::{
    Alias, ExceptHandler, Expr, Parameter, Parameters, Pattern, Stmt, StmtClassDef, StmtFunctionDef, StmtImportFrom,
    TypeParams,
};
use ruff_text_size::{Ranged, TextRange, TextSize};

/// What a name is bound to.
#[derive(Clone)]
pub enum Binding<'a> {
    /// `def`
    Function(&'a StmtFunctionDef),
    /// `class`
    Class(&'a StmtClassDef),
    /// `import a.b` or `import a.b as c`
    Import(&'a Alias),
    /// `from a import b as c`
    ImportFrom(&'a StmtImportFrom, &'a Alias),
    /// `x = value`
    Value(&'a Expr),
    /// `x: annotation = value`
    Declared(&'a Expr, Option<&'a Expr>),
    /// `for x in value`, and whether it is `async for`
    Element(&'a Expr, bool),
    /// `with value as x`, and whether it is `async with`
    Entered(&'a Expr, bool),
    /// One of the targets of `a, b = …`
    Part(Box<Binding<'a>>, usize),
    /// A parameter of the function, and its place among them
    Parameter(&'a Parameter, usize),
    /// `*args` or `**kwargs`
    Rest,
    /// `[T]`
    TypeVariable,
    /// Something else that binds a name
    Other,
}

/// A binding and where it stands.
#[derive(Clone)]
pub struct Bound<'a> {
    /// What the name is bound to.
    pub binding: Binding<'a>,
    /// Where its value is complete.
    pub offset: TextSize,
    /// The innermost block that may be left out.
    pub block: Option<TextRange>,
    /// The innermost loop.
    pub repeated: Option<TextRange>,
}

/// The names of a scope.
#[derive(Default)]
pub struct Scope<'a> {
    names: HashMap<&'a str, Vec<Bound<'a>>, rustc_hash::FxBuildHasher>,
    /// `from a import *`
    pub star_imports: Vec<&'a StmtImportFrom>,
    /// Names that belong to another scope: `global`, `nonlocal`.
    pub foreign: HashSet<&'a str>,
}

impl<'a> Scope<'a> {
    /// The names that statements bind.
    pub fn of(body: &'a [Stmt]) -> Self {
        let mut builder = Builder::default();
        builder.body(body);
        builder.scope
    }

    /// The names of a class.
    pub fn of_class(class: &'a StmtClassDef) -> Self {
        let mut builder = Builder::default();
        builder.type_parameters(class.type_params.as_deref());
        builder.body(&class.body);
        builder.scope
    }

    /// The names of a function.
    pub fn of_function(function: &'a StmtFunctionDef) -> Self {
        let mut builder = Builder::default();
        builder.parameters(&function.parameters);
        builder.type_parameters(function.type_params.as_deref());
        builder.body(&function.body);
        builder.scope
    }

    /// The names of a lambda.
    pub fn of_lambda(parameters: Option<&'a Parameters>) -> Self {
        let mut builder = Builder::default();
        if let Some(parameters) = parameters {
            builder.parameters(parameters);
        }
        builder.scope
    }

    /// The names of a comprehension.
    pub fn of_comprehension(generators: &'a [ruff_python_ast::Comprehension]) -> Self {
        let mut builder = Builder::default();
        for generator in generators {
            builder.target(&generator.target, &Binding::Element(&generator.iter, generator.is_async), TextSize::new(0));
        }
        builder.scope
    }

    /// What a name is bound to, in the order of the text.
    pub fn get(&self, name: &str) -> Option<&[Bound<'a>]> {
        self.names.get(name).map(Vec::as_slice)
    }

    /// All names and what they are bound to.
    pub fn iter(&self) -> impl Iterator<Item = (&'a str, &[Bound<'a>])> {
        self.names.iter().map(|(name, bound)| (*name, bound.as_slice()))
    }

    /// The bindings that can reach a use in this same scope.
    pub fn reaching(bound: &[Bound<'a>], place: TextSize) -> Vec<Binding<'a>> {
        let certain = bound.iter().rposition(|bound| {
            bound.offset <= place && bound.block.is_none_or(|block| block.contains_inclusive(place))
        });
        let from = certain.unwrap_or(0);
        let again = |bound: &Bound<'a>| bound.repeated.is_some_and(|repeated| repeated.contains_inclusive(place));
        let certain_loop = certain.and_then(|certain| bound[certain].repeated);
        bound
            .iter()
            .enumerate()
            .skip(from)
            .filter(|(_, bound)| {
                // A binding further down reaches back through the loop, unless the certain one is made anew each time.
                bound.offset <= place || (again(bound) && (certain.is_none() || bound.repeated != certain_loop))
            })
            .map(|(_, bound)| bound.binding.clone())
            .collect()
    }
}

#[derive(Default)]
struct Builder<'a> {
    scope: Scope<'a>,
    block: Option<TextRange>,
    repeated: Option<TextRange>,
    depth: usize,
}

impl<'a> Builder<'a> {
    fn bind(&mut self, name: &'a str, binding: Binding<'a>, offset: TextSize) {
        let bound = Bound { binding, offset, block: self.block, repeated: self.repeated };
        self.scope.names.entry(name).or_default().push(bound);
    }

    fn parameters(&mut self, parameters: &'a Parameters) {
        let offset = parameters.range.start();
        let positional = parameters.posonlyargs.iter().chain(&parameters.args);
        for (index, parameter) in positional.chain(&parameters.kwonlyargs).enumerate() {
            self.bind(parameter.name(), Binding::Parameter(&parameter.parameter, index), offset);
        }
        for rest in parameters.vararg.iter().chain(&parameters.kwarg) {
            self.bind(&rest.name, Binding::Rest, offset);
        }
    }

    fn type_parameters(&mut self, parameters: Option<&'a TypeParams>) {
        for parameter in parameters.into_iter().flat_map(|parameters| parameters.type_params.iter()) {
            self.bind(parameter.name(), Binding::TypeVariable, TextSize::new(0));
        }
    }

    fn body(&mut self, body: &'a [Stmt]) {
        if self.depth > DEEPEST {
            return;
        }
        self.depth += 1;
        for statement in body {
            self.statement(statement);
        }
        self.depth -= 1;
    }

    /// A block that may be left out.
    fn block(&mut self, body: &'a [Stmt]) {
        let (Some(first), Some(last)) = (body.first(), body.last()) else { return };
        let outer = self.block.replace(TextRange::new(first.start(), last.end()));
        self.body(body);
        self.block = outer;
    }

    fn repeated_block(&mut self, range: TextRange, body: &'a [Stmt]) {
        let outer = self.repeated.replace(range);
        self.block(body);
        self.repeated = outer;
    }

    fn statement(&mut self, statement: &'a Stmt) {
        let end = statement.end();
        match statement {
            Stmt::FunctionDef(function) => self.bind(&function.name, Binding::Function(function), function.name.end()),
            Stmt::ClassDef(class) => self.bind(&class.name, Binding::Class(class), class.name.end()),
            Stmt::Assign(assign) => {
                for target in &assign.targets {
                    self.target(target, &Binding::Value(&assign.value), end);
                }
                self.walrus(&assign.value);
            }
            Stmt::AnnAssign(assign) => {
                let binding = Binding::Declared(&assign.annotation, assign.value.as_deref());
                self.target(&assign.target, &binding, end);
            }
            Stmt::AugAssign(assign) => self.target(&assign.target, &Binding::Other, end),
            Stmt::TypeAlias(alias) => self.target(&alias.name, &Binding::Value(&alias.value), end),
            Stmt::For(each) => {
                self.walrus(&each.iter);
                let outer = self.repeated.replace(each.range);
                let block = self.block.replace(each.range);
                let binding = Binding::Element(&each.iter, each.is_async);
                self.target(&each.target, &binding, each.iter.end());
                (self.repeated, self.block) = (outer, block);
                self.repeated_block(each.range, &each.body);
                self.block(&each.orelse);
            }
            Stmt::While(repeat) => {
                let outer = self.repeated.replace(repeat.range);
                self.walrus(&repeat.test);
                self.repeated = outer;
                self.repeated_block(repeat.range, &repeat.body);
                self.block(&repeat.orelse);
            }
            Stmt::If(branch) => {
                self.walrus(&branch.test);
                self.block(&branch.body);
                for clause in &branch.elif_else_clauses {
                    if let Some(test) = &clause.test {
                        self.walrus(test);
                    }
                    self.block(&clause.body);
                }
            }
            Stmt::With(with) => {
                for item in &with.items {
                    if let Some(target) = &item.optional_vars {
                        let binding = Binding::Entered(&item.context_expr, with.is_async);
                        self.target(target, &binding, item.context_expr.end());
                    }
                }
                self.body(&with.body);
            }
            Stmt::Match(choice) => {
                for case in &choice.cases {
                    self.pattern(&case.pattern);
                    self.block(&case.body);
                }
            }
            Stmt::Try(attempt) => {
                self.block(&attempt.body);
                for ExceptHandler::ExceptHandler(handler) in &attempt.handlers {
                    if let Some(name) = &handler.name {
                        let outer = self.block.replace(handler.range);
                        self.bind(name, Binding::Other, name.end());
                        self.block = outer;
                    }
                    self.block(&handler.body);
                }
                self.block(&attempt.orelse);
                self.body(&attempt.finalbody);
            }
            Stmt::Import(import) => {
                for alias in &import.names {
                    let bound = match &alias.asname {
                        Some(name) => name.as_str(),
                        None => alias.name.split('.').next().unwrap_or_default(),
                    };
                    self.bind(bound, Binding::Import(alias), end);
                }
            }
            Stmt::ImportFrom(import) => {
                for alias in &import.names {
                    if alias.name.as_str() == "*" {
                        self.scope.star_imports.push(import);
                    } else {
                        let bound = alias.asname.as_ref().unwrap_or(&alias.name);
                        self.bind(bound, Binding::ImportFrom(import, alias), end);
                    }
                }
            }
            Stmt::Global(global) => self.scope.foreign.extend(global.names.iter().map(|name| name.as_str())),
            Stmt::Nonlocal(nonlocal) => self.scope.foreign.extend(nonlocal.names.iter().map(|name| name.as_str())),
            Stmt::Delete(delete) => {
                for target in &delete.targets {
                    self.target(target, &Binding::Other, end);
                }
            }
            Stmt::Expr(expression) => self.walrus(&expression.value),
            Stmt::Return(value) => {
                if let Some(value) = &value.value {
                    self.walrus(value);
                }
            }
            _ => {}
        }
    }

    /// Bind what is assigned to; attributes and items are none of the scope's names.
    fn target(&mut self, target: &'a Expr, binding: &Binding<'a>, offset: TextSize) {
        match target {
            Expr::Name(name) => self.bind(&name.id, binding.clone(), offset),
            Expr::Tuple(_) | Expr::List(_) => {
                let elements = match target {
                    Expr::Tuple(tuple) => &tuple.elts,
                    Expr::List(list) => &list.elts,
                    _ => return,
                };
                for (index, element) in elements.iter().enumerate() {
                    self.target(element, &Binding::Part(Box::new(binding.clone()), index), offset);
                }
            }
            Expr::Starred(starred) => self.target(&starred.value, &Binding::Other, offset),
            _ => {}
        }
    }

    /// Names that `:=` binds, where it is usually found.
    fn walrus(&mut self, expression: &'a Expr) {
        match expression {
            Expr::Named(named) => self.target(&named.target, &Binding::Value(&named.value), named.range.end()),
            Expr::Compare(compare) => {
                self.walrus(&compare.left);
                compare.comparators.iter().for_each(|operand| self.walrus(operand));
            }
            Expr::BoolOp(operation) => operation.values.iter().for_each(|operand| self.walrus(operand)),
            Expr::Call(call) => call.arguments.args.iter().for_each(|argument| self.walrus(argument)),
            Expr::UnaryOp(operation) if operation.op.is_not() => self.walrus(&operation.operand),
            Expr::Await(awaited) => self.walrus(&awaited.value),
            Expr::Attribute(attribute) => self.walrus(&attribute.value),
            _ => {}
        }
    }

    fn pattern(&mut self, pattern: &'a Pattern) {
        match pattern {
            Pattern::MatchAs(matched) => {
                if let Some(inner) = &matched.pattern {
                    self.pattern(inner);
                }
                if let Some(name) = &matched.name {
                    let binding = match matched.pattern.as_deref() {
                        Some(Pattern::MatchClass(class)) => Binding::Declared(&class.cls, None),
                        _ => Binding::Other,
                    };
                    self.bind(name, binding, matched.range.end());
                }
            }
            Pattern::MatchStar(star) => {
                if let Some(name) = &star.name {
                    self.bind(name, Binding::Other, star.range.end());
                }
            }
            Pattern::MatchSequence(sequence) => sequence.patterns.iter().for_each(|inner| self.pattern(inner)),
            Pattern::MatchMapping(mapping) => {
                mapping.patterns.iter().for_each(|inner| self.pattern(inner));
                if let Some(rest) = &mapping.rest {
                    self.bind(rest, Binding::Other, mapping.range.end());
                }
            }
            Pattern::MatchClass(class) => {
                class.arguments.patterns.iter().for_each(|inner| self.pattern(inner));
                class.arguments.keywords.iter().for_each(|keyword| self.pattern(&keyword.pattern));
            }
            Pattern::MatchOr(either) => either.patterns.iter().for_each(|inner| self.pattern(inner)),
            Pattern::MatchValue(_) | Pattern::MatchSingleton(_) => {}
        }
    }
}

/// Deeper statements bind nothing that we know.
const DEEPEST: usize = 200;
