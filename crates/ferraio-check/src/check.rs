//! The walk over one file: what each expression is used for, and the rules that have something to say of it.

use std::rc::Rc;

use ferraio_report::{Finding, Label};
use ruff_python_ast::{
    Comprehension, ExceptHandler, Expr, ExprCall, InterpolatedStringElement, Parameters, PythonVersion, Stmt,
    StmtFunctionDef, StmtTry,
};
use ruff_text_size::{Ranged, TextRange};

use crate::chain::Chains;
use crate::infer::{Inference, ends_with};
use crate::program::Program;
use crate::rules::{self, Rule};
use crate::source::File;
use crate::tree::NamesRead;
use crate::types::{Coroutine, Frame, FrameKind, Type};

/// What the value of an expression is used for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Use<'a> {
    /// Nothing: it is a statement.
    Dropped,
    /// Whether it is true.
    Tested,
    /// Its text: in an f-string.
    Formatted,
    /// An operand of an operator.
    Operand,
    /// One side of a comparison.
    Compared,
    /// The object of `value.name`.
    Attribute(&'a str),
    /// The object of `value[…]`.
    Subscripted,
    /// What `for` iterates over, or `*`; and whether it is `async for`.
    Iterated(bool),
    /// What `with` enters, and whether it is `async with`.
    Entered(bool),
    /// What is called.
    Called,
    /// What is awaited.
    Awaited,
    /// Anything that may keep it.
    Kept,
}

/// Where the walk is.
#[derive(Clone)]
pub struct Site<'a> {
    /// The scope.
    pub frame: Rc<Frame<'a>>,
    /// Whether the innermost function is asynchronous.
    pub is_async: bool,
    /// How many loops of this function are around.
    pub loops: usize,
    /// The innermost `try` whose body this is.
    pub attempt: Option<&'a StmtTry>,
    /// Whether this is below `if __name__ == "__main__"`.
    pub is_main: bool,
    /// Whether warnings are expected here, by a test.
    pub expects_warnings: bool,
}

/// What the rules may look at, and where they report.
pub struct Checker<'a, 'p> {
    /// The file.
    pub file: &'a File,
    /// What things are.
    pub infer: Inference<'a, 'p>,
    /// What functions lead to.
    pub chains: Chains<'a>,
    /// The Python that the code is for.
    pub target: PythonVersion,
    /// Whether there is anything asynchronous in the file. Where nothing is, only calls that are statements are looked
    /// at: such files are many, and a coroutine that gets into one is mostly dropped there.
    pub has_async: bool,
    findings: Vec<Finding>,
    depth: usize,
}

/// Deeper down nobody looks: programs are not that deep, and each level takes some hundred bytes of the stack.
const DEEPEST: usize = 1500;

/// Find what is wrong in a file.
pub fn check<'a>(program: &Program<'a>, file: &'a File, target: PythonVersion) -> Vec<Finding> {
    let mut checker = Checker {
        file,
        infer: Inference::new(program),
        chains: Chains::default(),
        target,
        has_async: ["async", "await", "coroutine"].iter().any(|word| file.text.contains(word)),
        findings: Vec::new(),
        depth: 0,
    };
    let frame = checker.infer.module_frame(file);
    let site =
        Site { frame, is_async: file.is_notebook(), loops: 0, attempt: None, is_main: false, expects_warnings: false };
    let body = &file.parsed.syntax().body;
    checker.body(body, &site);
    checker.names(body, &site);
    let mut findings = checker.findings;
    findings.sort_by_key(|finding| (finding.primary.place.start(), finding.code));
    // Two rules, or two ways to come to the same, may speak of one spot: the first is enough.
    findings.dedup_by(|one, other| one.code == other.code && one.primary.place == other.primary.place);
    findings
}

impl<'a> Checker<'a, '_> {
    /// Begin a finding at a range of this file.
    pub fn finding(&self, rule: &'static Rule, range: TextRange, title: impl Into<String>) -> Finding {
        Finding::new(rule.code, rule.name, rule.severity, title, self.file.place(range))
    }

    /// Keep a finding.
    pub fn report(&mut self, finding: Finding) {
        self.findings.push(finding);
    }

    /// The text of an expression, for messages: in one line, and not too long.
    pub fn text(&self, node: &impl Ranged) -> String {
        shorten(self.file.slice(node.range()))
    }

    /// Point to the definition of the function that made a coroutine.
    pub fn definition_of(&self, value: &Type<'a>) -> Option<Label> {
        let Type::Coroutine(coroutine) = value.members().first()? else { return None };
        let Coroutine::Call(function, _) = &**coroutine else { return None };
        let definition = function.definition()?;
        let place = function.frame.file.place(definition.name.range);
        Some(Label { place, text: format!("`{}` is an `async def`", function.name()) })
    }

    fn body(&mut self, body: &'a [Stmt], site: &Site<'a>) {
        for statement in body {
            self.statement(statement, site);
        }
        rules::sequential_awaits::block(self, body, site);
    }

    fn statement(&mut self, statement: &'a Stmt, site: &Site<'a>) {
        if self.depth > DEEPEST {
            return;
        }
        self.depth += 1;
        self.inside(statement, site);
        self.depth -= 1;
    }

    fn inside(&mut self, statement: &'a Stmt, site: &Site<'a>) {
        match statement {
            Stmt::FunctionDef(function) => self.function(function, site),
            Stmt::ClassDef(class) => {
                for decorator in &class.decorator_list {
                    self.expression(&decorator.expression, Use::Kept, site);
                }
                if let Some(arguments) = &class.arguments {
                    arguments.args.iter().for_each(|base| self.expression(base, Use::Kept, site));
                    arguments.keywords.iter().for_each(|keyword| self.expression(&keyword.value, Use::Kept, site));
                }
                let frame = self.infer.plain_class_frame(class, &site.frame);
                let inner = Site { frame, is_async: false, loops: 0, attempt: None, ..site.clone() };
                self.body(&class.body, &inner);
            }
            Stmt::Return(value) => {
                if let Some(value) = &value.value {
                    rules::never_awaited::returned(self, value, site);
                    self.expression(value, Use::Kept, site);
                }
            }
            Stmt::Expr(expression) => {
                rules::gather_exceptions::statement(self, &expression.value, site);
                self.expression(&expression.value, Use::Dropped, site);
            }
            Stmt::Assign(assign) => {
                let is_unpacked = matches!(assign.targets.as_slice(), [Expr::Tuple(_) | Expr::List(_)])
                    && assign.value.is_call_expr();
                self.expression(&assign.value, if is_unpacked { Use::Iterated(false) } else { Use::Kept }, site);
                for target in &assign.targets {
                    self.target(target, site);
                }
            }
            Stmt::AnnAssign(assign) => {
                if let Some(value) = &assign.value {
                    rules::never_awaited::annotated(self, &assign.annotation, value, site);
                    self.expression(value, Use::Kept, site);
                }
                self.target(&assign.target, site);
            }
            Stmt::AugAssign(assign) => {
                self.expression(&assign.value, Use::Operand, site);
                self.target(&assign.target, site);
            }
            Stmt::Delete(delete) => delete.targets.iter().for_each(|target| self.target(target, site)),
            Stmt::For(each) => {
                if each.is_async {
                    rules::await_outside_async::keyword(self, "async for", each.range, site);
                }
                self.expression(&each.iter, Use::Iterated(each.is_async), site);
                self.target(&each.target, site);
                let inner = Site { loops: site.loops + 1, ..site.clone() };
                self.body(&each.body, &inner);
                self.body(&each.orelse, site);
            }
            Stmt::While(repeat) => {
                rules::sleep_polling::while_loop(self, repeat, site);
                let inner = Site { loops: site.loops + 1, ..site.clone() };
                self.expression(&repeat.test, Use::Tested, &inner);
                self.body(&repeat.body, &inner);
                self.body(&repeat.orelse, site);
            }
            Stmt::If(branch) => {
                self.expression(&branch.test, Use::Tested, site);
                let inner = Site { is_main: site.is_main || is_main_test(&branch.test), ..site.clone() };
                let truth = self.infer.constant(&branch.test, &site.frame);
                if truth != Some(false) {
                    self.body(&branch.body, &inner);
                }
                if truth == Some(true) {
                    return;
                }
                for clause in &branch.elif_else_clauses {
                    if let Some(test) = &clause.test {
                        self.expression(test, Use::Tested, site);
                    }
                    self.body(&clause.body, site);
                }
            }
            Stmt::With(with) => {
                if with.is_async {
                    rules::await_outside_async::keyword(self, "async with", with.range, site);
                } else {
                    rules::sync_lock_across_await::with(self, with, site);
                }
                let mut inner = site.clone();
                for item in &with.items {
                    self.expression(&item.context_expr, Use::Entered(with.is_async), &inner);
                    if let Some(target) = &item.optional_vars {
                        self.target(target, &inner);
                    }
                    inner.expects_warnings |= self.expects_warnings(&item.context_expr);
                }
                rules::swallowed_cancel::suppress(self, with, site);
                self.body(&with.body, &inner);
            }
            Stmt::Match(choice) => {
                self.expression(&choice.subject, Use::Operand, site);
                for case in &choice.cases {
                    if let Some(guard) = &case.guard {
                        self.expression(guard, Use::Tested, site);
                    }
                    self.body(&case.body, site);
                }
            }
            Stmt::Raise(raise) => {
                for value in raise.exc.iter().chain(&raise.cause) {
                    self.expression(value, Use::Kept, site);
                }
            }
            Stmt::Try(attempt) => {
                rules::swallowed_cancel::attempt(self, attempt, site);
                let inner = if attempt.handlers.is_empty() {
                    site.clone()
                } else {
                    Site { attempt: Some(attempt), ..site.clone() }
                };
                self.body(&attempt.body, &inner);
                for ExceptHandler::ExceptHandler(handler) in &attempt.handlers {
                    if let Some(kind) = &handler.type_ {
                        self.expression(kind, Use::Kept, site);
                    }
                    self.body(&handler.body, site);
                }
                self.body(&attempt.orelse, site);
                self.body(&attempt.finalbody, site);
            }
            Stmt::Assert(assertion) => {
                self.expression(&assertion.test, Use::Tested, site);
                if let Some(message) = &assertion.msg {
                    self.expression(message, Use::Kept, site);
                }
            }
            Stmt::TypeAlias(_)
            | Stmt::Import(_)
            | Stmt::ImportFrom(_)
            | Stmt::Global(_)
            | Stmt::Nonlocal(_)
            | Stmt::Pass(_)
            | Stmt::Break(_)
            | Stmt::Continue(_)
            | Stmt::IpyEscapeCommand(_) => {}
        }
    }

    fn function(&mut self, function: &'a StmtFunctionDef, site: &Site<'a>) {
        for decorator in &function.decorator_list {
            self.expression(&decorator.expression, Use::Kept, site);
        }
        self.defaults(&function.parameters, site);
        rules::async_without_await::function(self, function, site);
        let frame = self.infer.plain_function_frame(function, &site.frame);
        let inner =
            Site { frame, is_async: function.is_async, loops: 0, attempt: None, is_main: false, ..site.clone() };
        self.body(&function.body, &inner);
        self.names(&function.body, &inner);
    }

    /// Look at the names of a scope that nobody reads.
    fn names(&mut self, body: &'a [Stmt], site: &Site<'a>) {
        if self.has_async || matches!(site.frame.kind, FrameKind::Module) {
            let read = NamesRead::of(body);
            rules::never_awaited::unused(self, body, &read, site);
            rules::dropped_task::unused(self, body, &read, site);
        }
    }

    fn defaults(&mut self, parameters: &'a Parameters, site: &Site<'a>) {
        for parameter in parameters.iter_non_variadic_params() {
            if let Some(default) = &parameter.default {
                self.expression(default, Use::Kept, site);
            }
        }
    }

    /// What is assigned to: only the expressions in it are used.
    fn target(&mut self, target: &'a Expr, site: &Site<'a>) {
        match target {
            Expr::Attribute(attribute) => self.expression(&attribute.value, Use::Attribute(&attribute.attr), site),
            Expr::Subscript(subscript) => {
                self.expression(&subscript.value, Use::Subscripted, site);
                self.expression(&subscript.slice, Use::Kept, site);
            }
            Expr::Tuple(tuple) => tuple.elts.iter().for_each(|element| self.target(element, site)),
            Expr::List(list) => list.elts.iter().for_each(|element| self.target(element, site)),
            Expr::Starred(starred) => self.target(&starred.value, site),
            _ => {}
        }
    }

    /// Look at an expression whose value is used so.
    pub fn expression(&mut self, expression: &'a Expr, used: Use<'a>, site: &Site<'a>) {
        if self.depth > DEEPEST {
            return;
        }
        self.depth += 1;
        rules::never_awaited::value(self, expression, used, site);
        if used == Use::Dropped {
            rules::dropped_task::dropped(self, expression, site);
        }
        self.parts(expression, used, site);
        self.depth -= 1;
    }

    fn parts(&mut self, expression: &'a Expr, used: Use<'a>, site: &Site<'a>) {
        // What becomes of the elements of a display becomes of the display.
        let elements = if used == Use::Dropped { Use::Dropped } else { Use::Kept };
        match expression {
            Expr::BoolOp(operation) => {
                let last = operation.values.len().saturating_sub(1);
                for (index, value) in operation.values.iter().enumerate() {
                    self.expression(value, if index < last { Use::Tested } else { used }, site);
                }
            }
            Expr::Named(named) => {
                self.expression(&named.value, if used == Use::Dropped { Use::Kept } else { used }, site)
            }
            Expr::BinOp(operation) => {
                self.expression(&operation.left, Use::Operand, site);
                self.expression(&operation.right, Use::Operand, site);
            }
            Expr::UnaryOp(operation) => {
                let inner = if operation.op.is_not() { Use::Tested } else { Use::Operand };
                self.expression(&operation.operand, inner, site);
            }
            Expr::Lambda(lambda) => {
                let frame = self.infer.lambda_frame(lambda, &site.frame);
                let inner = Site { frame, is_async: false, loops: 0, attempt: None, ..site.clone() };
                self.expression(&lambda.body, Use::Kept, &inner);
            }
            Expr::If(choice) => {
                self.expression(&choice.test, Use::Tested, site);
                self.expression(&choice.body, used, site);
                self.expression(&choice.orelse, used, site);
            }
            Expr::Dict(dict) => {
                for item in &dict.items {
                    match &item.key {
                        Some(key) => self.expression(key, elements, site),
                        None => self.expression(&item.value, Use::Iterated(false), site),
                    }
                    if item.key.is_some() {
                        self.expression(&item.value, elements, site);
                    }
                }
            }
            Expr::Set(set) => set.elts.iter().for_each(|element| self.expression(element, elements, site)),
            Expr::List(list) => list.elts.iter().for_each(|element| self.expression(element, elements, site)),
            Expr::Tuple(tuple) => tuple.elts.iter().for_each(|element| self.expression(element, elements, site)),
            Expr::ListComp(inner) => self.comprehension(&inner.generators, [&*inner.elt], elements, false, site),
            Expr::SetComp(inner) => self.comprehension(&inner.generators, [&*inner.elt], elements, false, site),
            Expr::DictComp(inner) => {
                let both = inner.key.as_deref().into_iter().chain([&*inner.value]);
                self.comprehension(&inner.generators, both, elements, false, site);
            }
            Expr::Generator(inner) => {
                self.comprehension(&inner.generators, [&*inner.elt], Use::Kept, true, site);
            }
            Expr::Await(awaited) => {
                rules::await_outside_async::keyword(self, "await", awaited.range, site);
                rules::not_awaitable::awaited(self, awaited, site);
                self.expression(&awaited.value, Use::Awaited, site);
            }
            Expr::Yield(value) => {
                if let Some(value) = &value.value {
                    self.expression(value, Use::Kept, site);
                }
            }
            Expr::YieldFrom(from) => self.expression(&from.value, Use::Kept, site),
            Expr::Compare(compare) => {
                self.expression(&compare.left, Use::Compared, site);
                compare.comparators.iter().for_each(|operand| self.expression(operand, Use::Compared, site));
            }
            Expr::Call(call) => self.call(call, site),
            Expr::FString(text) => {
                for element in text.value.elements() {
                    self.interpolation(element, site);
                }
            }
            Expr::TString(text) => {
                for element in text.value.elements() {
                    self.interpolation(element, site);
                }
            }
            Expr::Attribute(attribute) => {
                self.expression(&attribute.value, Use::Attribute(attribute.attr.as_str()), site);
            }
            Expr::Subscript(subscript) => {
                self.expression(&subscript.value, Use::Subscripted, site);
                self.expression(&subscript.slice, Use::Kept, site);
            }
            Expr::Starred(starred) => self.expression(&starred.value, Use::Iterated(false), site),
            Expr::Slice(slice) => {
                for part in slice.lower.iter().chain(&slice.upper).chain(&slice.step) {
                    self.expression(part, Use::Operand, site);
                }
            }
            _ => {}
        }
    }

    fn interpolation(&mut self, element: &'a InterpolatedStringElement, site: &Site<'a>) {
        if let InterpolatedStringElement::Interpolation(inner) = element {
            self.expression(&inner.expression, Use::Formatted, site);
            if let Some(spec) = &inner.format_spec {
                for element in spec.elements.iter() {
                    self.interpolation(element, site);
                }
            }
        }
    }

    fn comprehension(
        &mut self,
        generators: &'a [Comprehension],
        elements: impl IntoIterator<Item = &'a Expr>,
        used: Use<'a>,
        is_generator: bool,
        site: &Site<'a>,
    ) {
        let frame = self.infer.comprehension_frame(generators, &site.frame);
        // The body of a generator expression runs later, but as part of this function.
        let inner = Site { frame, loops: site.loops + 1, ..site.clone() };
        for (index, generator) in generators.iter().enumerate() {
            if generator.is_async && !is_generator {
                rules::await_outside_async::keyword(self, "async for", generator.range, site);
            }
            let scope = if index == 0 { site } else { &inner };
            self.expression(&generator.iter, Use::Iterated(generator.is_async), scope);
            generator.ifs.iter().for_each(|test| self.expression(test, Use::Tested, &inner));
        }
        for element in elements {
            self.expression(element, used, &inner);
        }
    }

    fn call(&mut self, call: &'a ExprCall, site: &Site<'a>) {
        rules::call(self, call, site);
        self.expression(&call.func, Use::Called, site);
        for argument in &call.arguments.args {
            self.expression(argument, Use::Kept, site);
        }
        for keyword in &call.arguments.keywords {
            self.expression(&keyword.value, Use::Kept, site);
        }
    }

    /// Whether `with value:` says that a warning is what the test is about.
    fn expects_warnings(&self, value: &Expr) -> bool {
        let Expr::Call(call) = value else { return false };
        let raises_type_error = (ends_with(&call.func, "raises") || ends_with(&call.func, "assertRaises"))
            && call.arguments.args.first().is_some_and(|kind| ends_with(kind, "TypeError"));
        raises_type_error
            || [
                "assertWarns",
                "assertWarnsRegex",
                "warns",
                "catch_warnings",
                "check_warnings",
                "catch_unraisable_exception",
            ]
            .iter()
            .any(|name| ends_with(&call.func, name))
    }
}

impl<'a> Site<'a> {
    /// The function this is in.
    pub fn function(&self) -> Option<&'a StmtFunctionDef> {
        self.frame.function()
    }

    /// Whether this runs when the module is imported: outside of functions.
    pub fn is_module_level(&self) -> bool {
        let mut frame = Some(&self.frame);
        while let Some(current) = frame {
            if matches!(current.kind, FrameKind::Function(_) | FrameKind::Lambda) {
                return false;
            }
            frame = current.parent.as_ref();
        }
        true
    }
}

fn is_main_test(test: &Expr) -> bool {
    matches!(test, Expr::Compare(compare) if matches!(&*compare.left, Expr::Name(name) if name.id == *"__name__"))
}

/// In one line, and not too long.
pub fn shorten(text: &str) -> String {
    let joined = text.split_whitespace().collect::<Vec<_>>().join(" ");
    if joined.chars().count() <= 60 {
        return joined;
    }
    let mut short: String = joined.chars().take(57).collect();
    short.push('…');
    short
}
