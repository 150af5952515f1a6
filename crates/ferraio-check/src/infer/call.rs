//! What a call gives: by the annotation of the function, or by what its body returns.

use std::collections::HashMap;
use std::rc::Rc;

use ruff_python_ast::{Expr, ExprCall, Stmt, StmtFunctionDef};

use super::annotation::{forget, has_variable, substitute};
use super::attribute::blocks;
use super::names::is_plain;
use super::{Inference, identity};
use crate::types::{
    Argument, Class, Code, Coroutine, Frame, FrameKind, Function, Kind, Parameters, Substitution, Type,
};

/// An argument of a call: its name, if it has one, and what it is.
pub type Given<'a> = (Option<&'a str>, Argument<'a>);

impl<'a> Inference<'a, '_> {
    /// Tell what a call gives.
    pub(super) fn call_expression(&self, call: &'a ExprCall, frame: &Rc<Frame<'a>>) -> Type<'a> {
        let callee = self.expression(&call.func, frame);
        if let Type::External(name) = &callee
            && &**name == "builtins.super"
        {
            return self.super_of(call, frame).unwrap_or(Type::Unknown);
        }
        self.call(&callee, &arguments(call, frame))
    }

    /// Tell what calling a value gives.
    pub fn call(&self, callee: &Type<'a>, given: &[Given<'a>]) -> Type<'a> {
        self.deeper(|| match callee {
            Type::Function(function) => match self.known_result(function, given) {
                Some(known) => known,
                None => self.call_function(function, given),
            },
            Type::Class(class) => match self.known_instance(class, given) {
                Some(known) => known,
                None => {
                    self.made_by_new(class, given).unwrap_or_else(|| Type::Instance(self.with_arguments(class, given)))
                }
            },
            Type::Instance(_) => match self.attribute(callee, "__call__") {
                method @ (Type::Function(_) | Type::Callable(_)) => self.call(&method, given),
                _ => Type::Unknown,
            },
            Type::Callable(result) => (**result).clone(),
            Type::Identity => given.first().map_or(Type::Unknown, |(_, argument)| self.argument(argument)),
            Type::External(name) => self.known_external(name, given),
            Type::Made(name) => self.known_made(name, given),
            Type::Union(_) => match callee.clone().without_none() {
                Type::Union(members) => Type::union(members.iter().map(|member| self.call(member, given))),
                one => self.call(&one, given),
            },
            _ => Type::Unknown,
        })
    }

    /// What `__new__` makes, where its class says that it is no instance: a tuple, mostly.
    fn made_by_new(&self, class: &Rc<Class<'a>>, given: &[Given<'a>]) -> Option<Type<'a>> {
        let is_annotated = class.definition.body.iter().any(|statement| {
            matches!(statement, Stmt::FunctionDef(method) if method.name.as_str() == "__new__" && method.returns.is_some())
        });
        if !is_annotated {
            return None;
        }
        let method = self.attribute(&Type::Class(Rc::clone(class)), "__new__");
        let made = self.call(&method, given);
        matches!(made, Type::Container(..)).then_some(made)
    }

    fn call_function(&self, function: &Rc<Function<'a>>, given: &[Given<'a>]) -> Type<'a> {
        match function.code {
            Code::Lambda(lambda) => {
                let parameters = lambda
                    .parameters
                    .as_deref()
                    .map_or_else(Parameters::default, |parameters| bind(parameters, given, false));
                let frame = self.frame_of(function, parameters);
                self.once((identity(lambda), 5), || self.expression(&lambda.body, &frame))
            }
            Code::Def(definition) => {
                let parameters = bind(&definition.parameters, given, function.receiver.is_some());
                match (definition.is_async, self.is_generator(definition)) {
                    (true, true) => Type::AsyncIterator(Rc::new(self.yielded(function, &parameters))),
                    (true, false) => Type::Coroutine(Rc::new(Coroutine::Call(Rc::clone(function), parameters))),
                    (false, _) => self.returned(function, &parameters),
                }
            }
        }
    }

    /// Tell what a function returns, awaited if it is asynchronous.
    pub fn returned(&self, function: &Rc<Function<'a>>, parameters: &Parameters<'a>) -> Type<'a> {
        let Code::Def(definition) = function.code else { return Type::Unknown };
        let is_shared = parameters.is_empty() && is_plain(&function.frame);
        let receiver = match &function.receiver {
            None => 0,
            Some(Type::Instance(class) | Type::Class(class)) if class.arguments.is_empty() => {
                identity(class.definition)
            }
            Some(_) => 1,
        };
        let key = (identity(definition), receiver);
        if is_shared
            && receiver != 1
            && let Some(known) = self.returned.borrow().get(&key)
        {
            return known.clone();
        }
        let (result, is_complete) = self.complete(|| {
            self.once((identity(definition), 6 + usize::from(parameters.is_empty())), || {
                self.work_out(function, definition, parameters)
            })
        });
        if is_shared && receiver != 1 && is_complete {
            self.returned.borrow_mut().insert(key, result.clone());
        }
        result
    }

    fn work_out(
        &self,
        function: &Rc<Function<'a>>,
        definition: &'a StmtFunctionDef,
        parameters: &Parameters<'a>,
    ) -> Type<'a> {
        let declared = definition.returns.as_deref().map(|returns| self.declared(function, returns, parameters));
        if let Some(declared) = &declared
            && !is_weak(declared)
        {
            return declared.clone();
        }
        let has_body = !function.frame.file.kind.is_stub();
        let looked_into = if !has_body || is_abstract(definition) {
            Type::Unknown
        } else if self.is_generator(definition) {
            Type::Container(Kind::Iterator, [self.yielded(function, parameters)].into())
        } else {
            self.returned_by_body(function, definition, parameters)
        };
        match declared {
            Some(declared) if looked_into.is_unknown() => declared,
            _ => looked_into,
        }
    }

    fn returned_by_body(
        &self,
        function: &Rc<Function<'a>>,
        definition: &'a StmtFunctionDef,
        parameters: &Parameters<'a>,
    ) -> Type<'a> {
        let mut values = Vec::new();
        returns(&definition.body, &mut values, 0);
        if values.is_empty() {
            return Type::None;
        }
        if !parameters.is_empty() && !depends_on_arguments(definition, &values) {
            return self.returned(function, &Parameters::default());
        }
        let frame = self.frame_of(function, parameters.clone());
        if falls_through(&definition.body) {
            values.push(None);
        }
        Type::union(values.iter().map(|value| value.map_or(Type::None, |value| self.expression(value, &frame))))
    }

    /// What the annotation of a function says that it returns, for one call of it.
    fn declared(&self, function: &Rc<Function<'a>>, annotation: &'a Expr, parameters: &Parameters<'a>) -> Type<'a> {
        let frame = match function.code {
            Code::Def(definition) if definition.type_params.is_some() => self.frame_of(function, Parameters::default()),
            _ => self.annotation_frame(function),
        };
        let declared = self.annotation_in(annotation, &frame);
        if !has_variable(&declared) {
            return declared;
        }
        let Code::Def(definition) = function.code else { return declared };
        let mut found: Substitution<'a> = Vec::new();
        if let Some(receiver) = &function.receiver
            && let Some(this) = definition.parameters.iter_non_variadic_params().next()
            && let Some(annotation) = &this.parameter.annotation
        {
            self.unify(&self.annotation_in(annotation, &frame), receiver, &mut found);
        }
        for parameter in definition.parameters.iter_non_variadic_params() {
            if let (Some(annotation), Some(argument)) =
                (&parameter.parameter.annotation, parameters.get(parameter.name().as_str()))
            {
                let pattern = self.annotation_in(annotation, &frame);
                if has_variable(&pattern) {
                    self.unify(&pattern, &self.argument(argument), &mut found);
                }
            }
        }
        forget(&substitute(&declared, &found))
    }

    /// The scope that the annotations of a function are read in, where `Self` is what the method is called on.
    fn annotation_frame(&self, function: &Rc<Function<'a>>) -> Rc<Frame<'a>> {
        let outer = &function.frame;
        match (&function.receiver, outer.kind) {
            (Some(receiver), FrameKind::Class(_)) => Rc::new(Frame {
                kind: outer.kind,
                file: outer.file,
                scope: Rc::clone(&outer.scope),
                parent: outer.parent.clone(),
                bound: outer.bound.clone(),
                receiver: Some(receiver.clone()),
            }),
            _ => Rc::clone(outer),
        }
    }

    /// What a generator yields.
    pub(super) fn yielded(&self, function: &Rc<Function<'a>>, parameters: &Parameters<'a>) -> Type<'a> {
        let Code::Def(definition) = function.code else { return Type::Unknown };
        if let Some(returns) = &definition.returns {
            match self.declared(function, returns, parameters) {
                Type::AsyncIterator(element) => return (*element).clone(),
                Type::Container(_, elements) if elements.len() == 1 => return elements[0].clone(),
                _ => {}
            }
        }
        let frame = self.frame_of(function, parameters.clone());
        let mut values = Vec::new();
        yields(&definition.body, &mut values, 0);
        self.once((identity(definition), 8), || {
            Type::union(values.iter().map(|value| value.map_or(Type::None, |value| self.expression(value, &frame))))
        })
    }

    /// Whether a function is a generator.
    pub fn is_generator(&self, definition: &'a StmtFunctionDef) -> bool {
        if let Some(known) = self.yielding.borrow().get(&identity(definition)) {
            return *known;
        }
        let is_generator = crate::tree::contains_yield(&definition.body);
        self.yielding.borrow_mut().insert(identity(definition), is_generator);
        is_generator
    }

    /// A class with what its type variables are, as far as the arguments of its constructor tell.
    fn with_arguments(&self, class: &Rc<Class<'a>>, given: &[Given<'a>]) -> Rc<Class<'a>> {
        if !class.arguments.is_empty() || given.is_empty() {
            return Rc::clone(class);
        }
        let variables = self.type_variables(class);
        if variables.is_empty() {
            return Rc::clone(class);
        }
        let Type::Function(init) = self.attribute(&Type::Instance(Rc::clone(class)), "__init__") else {
            return Rc::clone(class);
        };
        let Code::Def(definition) = init.code else { return Rc::clone(class) };
        let parameters = bind(&definition.parameters, given, true);
        let mut found = Vec::new();
        for parameter in definition.parameters.iter_non_variadic_params() {
            if let (Some(annotation), Some(argument)) =
                (&parameter.parameter.annotation, parameters.get(parameter.name().as_str()))
            {
                let pattern = self.annotation_in(annotation, &init.frame);
                if has_variable(&pattern) {
                    self.unify(&pattern, &self.argument(argument), &mut found);
                }
            }
        }
        found.retain(|(name, _)| variables.contains(name));
        Rc::new(Class { definition: class.definition, frame: Rc::clone(&class.frame), arguments: found })
    }

    fn super_of(&self, call: &'a ExprCall, frame: &Rc<Frame<'a>>) -> Option<Type<'a>> {
        if !call.arguments.args.is_empty() && call.arguments.args.len() != 2 {
            return None;
        }
        let (definition, outer) = frame.enclosing_class()?;
        let class = Rc::new(Class { definition, frame: outer, arguments: Vec::new() });
        let object = Type::Instance(Rc::clone(&class));
        Some(Type::Super(class, Rc::new(object)))
    }
}

/// The arguments of a call, to be worked out when somebody asks.
pub fn arguments<'a>(call: &'a ExprCall, frame: &Rc<Frame<'a>>) -> Vec<Given<'a>> {
    let positional = call.arguments.args.iter().take_while(|argument| !argument.is_starred_expr());
    let named = call.arguments.keywords.iter().filter_map(|keyword| Some((keyword.arg.as_ref()?, &keyword.value)));
    positional
        .map(|value| (None, Argument::Given(value, Rc::clone(frame))))
        .chain(named.map(|(name, value)| (Some(name.as_str()), Argument::Given(value, Rc::clone(frame)))))
        .collect()
}

/// Give the arguments to the parameters.
fn bind<'a>(declared: &'a ruff_python_ast::Parameters, given: &[Given<'a>], is_bound: bool) -> Parameters<'a> {
    let mut bound: Parameters<'a> = HashMap::default();
    let mut positional = declared.posonlyargs.iter().chain(&declared.args).skip(usize::from(is_bound));
    for (name, argument) in given {
        let parameter = match name {
            Some(name) => declared.iter_non_variadic_params().find(|parameter| parameter.name().as_str() == *name),
            None => positional.next(),
        };
        if let Some(parameter) = parameter {
            bound.insert(parameter.name().as_str(), argument.clone());
        }
    }
    bound
}

/// Whether the body of a function may say more.
fn is_weak(declared: &Type<'_>) -> bool {
    match declared {
        Type::Unknown | Type::Variable(_) => true,
        Type::Callable(result) => is_weak(result),
        Type::Union(members) => members.iter().any(is_weak),
        _ => false,
    }
}

/// Whether a body is only a place for others: `...`, `pass`, `raise NotImplementedError`, a docstring.
pub fn is_abstract(definition: &StmtFunctionDef) -> bool {
    definition.body.iter().all(|statement| match statement {
        Stmt::Pass(_) => true,
        Stmt::Expr(expression) => matches!(&*expression.value, Expr::EllipsisLiteral(_) | Expr::StringLiteral(_)),
        Stmt::Raise(raise) => raise.exc.as_deref().is_some_and(|exception| {
            let named = match exception {
                Expr::Call(call) => &call.func,
                other => other,
            };
            super::ends_with(named, "NotImplementedError")
        }),
        _ => false,
    })
}

/// Whether the end of a body may be reached.
fn falls_through(body: &[Stmt]) -> bool {
    match body.last() {
        Some(Stmt::Return(_) | Stmt::Raise(_)) => false,
        Some(Stmt::If(branch)) => {
            let has_else = branch.elif_else_clauses.last().is_some_and(|clause| clause.test.is_none());
            !has_else || blocks(&body[body.len() - 1]).into_iter().any(falls_through)
        }
        Some(Stmt::With(with)) => falls_through(&with.body),
        Some(Stmt::Try(attempt)) if !attempt.finalbody.is_empty() && !falls_through(&attempt.finalbody) => false,
        Some(Stmt::Try(attempt)) => {
            let tried = if attempt.orelse.is_empty() { &attempt.body } else { &attempt.orelse };
            let handled = attempt.handlers.iter().any(|handler| {
                let ruff_python_ast::ExceptHandler::ExceptHandler(handler) = handler;
                falls_through(&handler.body)
            });
            falls_through(tried) || handled
        }
        // What loops for ever, matches everything, or calls what never returns is left to the reader.
        Some(Stmt::While(repeat)) => !matches!(&*repeat.test, Expr::BooleanLiteral(literal) if literal.value),
        Some(Stmt::Match(choice)) => choice.cases.iter().any(|case| falls_through(&case.body)),
        _ => true,
    }
}

/// Whether what is returned is made of a parameter, or of a function inside, which may use them.
fn depends_on_arguments(definition: &StmtFunctionDef, values: &[Option<&Expr>]) -> bool {
    let has_inner = definition.body.iter().any(Stmt::is_function_def_stmt);
    let is_parameter = |name: &str| {
        definition.parameters.iter_non_variadic_params().any(|parameter| parameter.name().as_str() == name)
    };
    has_inner
        || values.iter().flatten().any(|value| {
            crate::tree::any_in_expression(value, |node| match node {
                crate::tree::Node::Expr(Expr::Name(name)) => {
                    name.id != *"self" && (is_parameter(&name.id) || !is_simple_call(value))
                }
                crate::tree::Node::Expr(Expr::Lambda(_)) => true,
                _ => false,
            })
        })
}

/// `name(…)` or `self.name(…)`: what it gives depends on its arguments alone, which are looked at on their own.
fn is_simple_call(value: &Expr) -> bool {
    matches!(value, Expr::Call(call) if matches!(&*call.func, Expr::Name(_) | Expr::Attribute(_)))
}

fn returns<'a>(body: &'a [Stmt], found: &mut Vec<Option<&'a Expr>>, depth: usize) {
    if depth > 50 {
        return;
    }
    for statement in body {
        if let Stmt::Return(value) = statement {
            found.push(value.value.as_deref());
        }
        for inner in blocks(statement) {
            returns(inner, found, depth + 1);
        }
    }
}

fn yields<'a>(body: &'a [Stmt], found: &mut Vec<Option<&'a Expr>>, depth: usize) {
    if depth > 50 {
        return;
    }
    for statement in body {
        let value = match statement {
            Stmt::Expr(expression) => Some(&*expression.value),
            Stmt::Assign(assign) => Some(&*assign.value),
            _ => None,
        };
        match value {
            Some(Expr::Yield(value)) => found.push(value.value.as_deref()),
            // What is yielded from is not looked into: nothing certain can be said.
            Some(Expr::YieldFrom(from)) => found.push(Some(&from.value)),
            _ => {}
        }
        for inner in blocks(statement) {
            yields(inner, found, depth + 1);
        }
    }
}
