//! What `value.name` is: members of modules, of classes and their bases, and what methods assign to `self`.

use std::collections::HashMap;
use std::rc::Rc;

use ruff_python_ast::{Expr, Stmt, StmtClassDef, StmtFunctionDef};

use super::names::has_decorator;
use super::{Inference, bases, identity};
use crate::scope::{Binding, Bound};
use crate::types::{Class, Code, Coroutine, Frame, Function, Kind, Type};

/// What the methods of a class assign to `self`, by attribute.
pub type Members<'a> = HashMap<&'a str, Vec<(&'a StmtFunctionDef, Binding<'a>)>, rustc_hash::FxBuildHasher>;

/// What a search through a class and its bases comes to.
enum Search<'a> {
    Found(Type<'a>),
    /// It may be in a base that nobody knows.
    Unknown,
    /// Everything is known, and it is not there.
    Absent,
}

impl<'a> Inference<'a, '_> {
    /// Tell what an attribute is.
    pub fn attribute(&self, value: &Type<'a>, name: &'a str) -> Type<'a> {
        self.deeper(|| match value {
            Type::Module(file) => match self.member(file, name) {
                Some(found) => found,
                // What a library has from C, and does not name in its source.
                None if !file.is_project => Type::External(format!("{}.{name}", file.module).into()),
                None => Type::Unknown,
            },
            Type::Folder(from, folder) => self.in_folder(from, folder, name),
            Type::External(path) | Type::Made(path) => Type::External(format!("{path}.{name}").into()),
            Type::Instance(class) if is_stream_of_process(class, name) => self.stream_of_process(class, name),
            Type::Instance(class) => match self.search(class, name, value) {
                Search::Found(Type::Property(property)) => self.call(&Type::Function(property), &[]),
                Search::Found(found) => found,
                Search::Unknown | Search::Absent => Type::Unknown,
            },
            Type::Class(class) => match self.search(class, name, value) {
                Search::Found(Type::Property(_)) | Search::Unknown | Search::Absent => Type::Unknown,
                Search::Found(found) => found,
            },
            Type::Super(class, object) => match self.search_bases(class, name, object) {
                Search::Found(Type::Property(property)) => self.call(&Type::Function(property), &[]),
                Search::Found(found) => found,
                Search::Unknown | Search::Absent => Type::Unknown,
            },
            Type::Union(_) => match value.clone().without_none() {
                Type::Union(members) => Type::union(members.iter().map(|member| self.attribute(member, name))),
                one => self.attribute(&one, name),
            },
            Type::Container(kind, elements) => container_method(*kind, elements, name),
            Type::Awaitable(result) if name == "result" => Type::Callable(Rc::clone(result)),
            Type::AsyncIterator(element) => {
                let given = match name {
                    "__anext__" | "asend" | "athrow" => (**element).clone(),
                    "aclose" => Type::None,
                    "__aiter__" => return Type::Callable(Rc::new(value.clone())),
                    _ => return Type::Unknown,
                };
                Type::Callable(Rc::new(Type::Coroutine(Rc::new(Coroutine::Giving(given)))))
            }
            _ => Type::Unknown,
        })
    }

    fn stream_of_process(&self, class: &Rc<Class<'a>>, name: &str) -> Type<'a> {
        let stream = if name == "stdin" { "StreamWriter" } else { "StreamReader" };
        self.asyncio_class(class.frame.file, "streams", stream)
    }

    fn in_folder(&self, from: &'a crate::source::File, folder: &str, name: &str) -> Type<'a> {
        let inner = format!("{folder}.{name}");
        match self.program.import(from, 0, &inner) {
            Some(crate::program::Found::File(file)) => Type::Module(file),
            Some(crate::program::Found::Folder) => Type::Folder(from, inner.into()),
            None => Type::Unknown,
        }
    }

    /// Find an attribute in a class and its bases, bound to the object or class it is taken from.
    fn search(&self, class: &Rc<Class<'a>>, name: &'a str, object: &Type<'a>) -> Search<'a> {
        let frame = self.class_frame(class);
        let mut found: Vec<Type<'a>> = Vec::new();
        if let Some(bound) = frame.scope.get(name) {
            let is_overload = |bound: &Bound<'a>| matches!(&bound.binding, Binding::Function(definition) if has_decorator(definition, "overload"));
            let has_overloads = bound.iter().any(is_overload);
            for bound in bound {
                // Where there are overloads they say what the function is, not its one implementation.
                if has_overloads && !is_overload(bound) {
                    continue;
                }
                if let Binding::Function(definition) = &bound.binding
                    && ["setter", "deleter"].iter().any(|part| has_decorator(definition, part))
                {
                    continue;
                }
                let value = self.binding(name, &bound.binding, &frame);
                found.push(match &bound.binding {
                    Binding::Function(definition) => self.bind_method(value, definition, object),
                    _ => value,
                });
            }
        }
        let members = self.members(class.definition);
        let is_declared = frame.scope.get(name).is_some_and(|bound| {
            bound.iter().any(|bound| matches!(bound.binding, Binding::Declared(..) | Binding::Function(_)))
        });
        if !is_declared && let Some(assigned) = members.get(name) {
            let declared = assigned.iter().any(|(_, binding)| matches!(binding, Binding::Declared(..)));
            for (method, binding) in assigned {
                if declared && !matches!(binding, Binding::Declared(..)) {
                    continue;
                }
                let function =
                    Function { code: Code::Def(method), frame: Rc::clone(&frame), receiver: Some(object.clone()) };
                let inside = self.frame_of(&function, HashMap::default());
                found.push(self.binding(name, binding, &inside));
            }
        } else if is_declared
            && let Some(assigned) = members.get(name)
            && frame
                .scope
                .get(name)
                .is_some_and(|bound| bound.iter().any(|bound| matches!(bound.binding, Binding::Function(_))))
        {
            // A method that is replaced on some objects.
            found.extend(assigned.iter().map(|_| Type::Unknown));
        }
        if !found.is_empty() {
            let found = self.member_of_enum(class, &frame, name).unwrap_or_else(|| Type::union(found));
            // `None` now, something else later, assigned from somewhere we do not see.
            return Search::Found(if matches!(found, Type::None) { Type::Unknown } else { found });
        }
        self.search_bases(class, name, object)
    }

    /// `LEFT` of an `Enum` with `LEFT = 1` is an object of the class.
    fn member_of_enum(&self, class: &Rc<Class<'a>>, frame: &Rc<Frame<'a>>, name: &str) -> Option<Type<'a>> {
        let bound = frame.scope.get(name)?;
        if !bound.iter().all(|bound| matches!(bound.binding, Binding::Value(_))) || name.starts_with('_') {
            return None;
        }
        let is_enum = self
            .base_classes(class)
            .iter()
            .any(|base| matches!(base, Type::External(path) if path.starts_with("enum.")));
        is_enum.then(|| Type::Instance(Rc::clone(class)))
    }

    fn search_bases(&self, class: &Rc<Class<'a>>, name: &'a str, object: &Type<'a>) -> Search<'a> {
        let frame = self.class_frame(class);
        let scope = frame.parent.as_ref().map_or(&frame, |parent| parent);
        let mut is_unknown = false;
        for base in bases(class.definition) {
            // The type variables of this class are known to what its bases are made with.
            let inside = if class.arguments.is_empty() { scope } else { &frame };
            let result = self.once((identity(base), identity(class.definition)), || self.base(base, inside, &frame));
            match result {
                Type::Class(base) => match self.search(&base, name, object) {
                    Search::Found(found) => return Search::Found(found),
                    Search::Unknown => is_unknown = true,
                    Search::Absent => {}
                },
                Type::External(path) if !is_unknown => {
                    let plain = ["builtins.object", "typing.Generic", "typing.Protocol", "abc.ABC", "enum."];
                    if !plain.iter().any(|known| path.starts_with(known)) {
                        return Search::Found(Type::External(format!("{path}.{name}").into()));
                    }
                }
                _ => is_unknown = true,
            }
        }
        if is_unknown { Search::Unknown } else { Search::Absent }
    }

    /// The class that a base is, with its arguments.
    fn base(&self, base: &'a Expr, frame: &Rc<Frame<'a>>, class_frame: &Rc<Frame<'a>>) -> Type<'a> {
        match base {
            Expr::Subscript(subscript) => match self.expression(&subscript.value, frame) {
                Type::Class(class) => match self.annotation_in(base, class_frame) {
                    Type::Instance(with_arguments) => Type::Class(with_arguments),
                    _ => Type::Class(class),
                },
                other => other,
            },
            other => self.expression(other, frame),
        }
    }

    /// The classes that a class derives from directly, if they are known.
    pub fn base_classes(&self, class: &Rc<Class<'a>>) -> Vec<Type<'a>> {
        let frame = self.class_frame(class);
        bases(class.definition).iter().map(|base| self.base(base, &class.frame, &frame)).collect()
    }

    fn bind_method(&self, value: Type<'a>, definition: &'a StmtFunctionDef, object: &Type<'a>) -> Type<'a> {
        if has_decorator(definition, "staticmethod") {
            return value;
        }
        let bind = |function: &Rc<Function<'a>>| {
            let receiver = match object {
                Type::Instance(class) if has_decorator(definition, "classmethod") => Type::Class(Rc::clone(class)),
                Type::Class(_) if !has_decorator(definition, "classmethod") => return Rc::clone(function),
                other => other.clone(),
            };
            Rc::new(Function { code: function.code, frame: Rc::clone(&function.frame), receiver: Some(receiver) })
        };
        match &value {
            Type::Function(function) => Type::Function(bind(function)),
            Type::Property(function) => Type::Property(bind(function)),
            _ => value,
        }
    }

    /// What the methods of a class assign to `self`.
    fn members(&self, definition: &'a StmtClassDef) -> Rc<Members<'a>> {
        if let Some(known) = self.members.borrow().get(&identity(definition)) {
            return Rc::clone(known);
        }
        let mut members = Members::default();
        for statement in &definition.body {
            if let Stmt::FunctionDef(method) = statement
                && let Some(first) = method.parameters.posonlyargs.first().or(method.parameters.args.first())
            {
                assigned_to(first.name(), &method.body, method, &mut members, 0);
            }
        }
        let members = Rc::new(members);
        self.members.borrow_mut().insert(identity(definition), Rc::clone(&members));
        members
    }
}

fn assigned_to<'a>(
    object: &str,
    body: &'a [Stmt],
    method: &'a StmtFunctionDef,
    members: &mut Members<'a>,
    depth: usize,
) {
    if depth > 50 {
        return;
    }
    for statement in body {
        let mut add = |target: &'a Expr, binding: Binding<'a>| {
            if let Expr::Attribute(attribute) = target
                && matches!(&*attribute.value, Expr::Name(name) if name.id == *object)
            {
                members.entry(&attribute.attr).or_default().push((method, binding));
            }
        };
        match statement {
            Stmt::Assign(assign) => {
                for target in &assign.targets {
                    add(target, Binding::Value(&assign.value));
                    if let Expr::Tuple(tuple) = target {
                        for (index, element) in tuple.elts.iter().enumerate() {
                            add(element, Binding::Part(Box::new(Binding::Value(&assign.value)), index));
                        }
                    }
                }
            }
            Stmt::AnnAssign(assign) => {
                add(&assign.target, Binding::Declared(&assign.annotation, assign.value.as_deref()));
            }
            Stmt::AugAssign(assign) => add(&assign.target, Binding::Other),
            Stmt::For(each) => add(&each.target, Binding::Element(&each.iter, each.is_async)),
            Stmt::With(with) => {
                for item in &with.items {
                    if let Some(target) = &item.optional_vars {
                        add(target, Binding::Entered(&item.context_expr, with.is_async));
                    }
                }
            }
            _ => {}
        }
        for inner in blocks(statement) {
            assigned_to(object, inner, method, members, depth + 1);
        }
    }
}

/// The blocks of a statement that belong to the same scope.
pub fn blocks(statement: &Stmt) -> Vec<&[Stmt]> {
    match statement {
        Stmt::For(each) => vec![&each.body, &each.orelse],
        Stmt::While(repeat) => vec![&repeat.body, &repeat.orelse],
        Stmt::If(branch) => {
            let rest = branch.elif_else_clauses.iter().map(|clause| &*clause.body);
            std::iter::once(&*branch.body).chain(rest).collect()
        }
        Stmt::With(with) => vec![&with.body],
        Stmt::Match(choice) => choice.cases.iter().map(|case| &*case.body).collect(),
        Stmt::Try(attempt) => {
            let handlers = attempt.handlers.iter().map(|handler| {
                let ruff_python_ast::ExceptHandler::ExceptHandler(handler) = handler;
                &*handler.body
            });
            let (before, after) = ([&*attempt.body], [&*attempt.orelse, &*attempt.finalbody]);
            before.into_iter().chain(handlers).chain(after).collect()
        }
        _ => Vec::new(),
    }
}

/// `stdin` and the others of a process come out of its protocol, whose making is out of sight.
fn is_stream_of_process(class: &Class<'_>, name: &str) -> bool {
    matches!(name, "stdin" | "stdout" | "stderr") && class.full_name() == "asyncio.subprocess.Process"
}

fn container_method<'a>(kind: Kind, elements: &[Type<'a>], name: &str) -> Type<'a> {
    let element = match (kind, elements) {
        (Kind::Dict, [_, value]) => value.clone(),
        (Kind::Tuple, elements) => Type::union(elements.iter().cloned()),
        (_, [element]) => element.clone(),
        _ => Type::Unknown,
    };
    let result = match (kind, name) {
        (Kind::Dict, "get") => Type::union([element, Type::None]),
        (Kind::Dict, "pop" | "setdefault" | "__getitem__") => element,
        (Kind::List | Kind::Set, "pop" | "popleft" | "__getitem__") => element,
        (Kind::Dict, "values") => Type::Container(Kind::List, [element].into()),
        (Kind::Dict, "keys") => Type::Container(Kind::List, [elements[0].clone()].into()),
        (Kind::Dict, "items") => {
            let pair = Type::Container(Kind::Tuple, [elements[0].clone(), element].into());
            Type::Container(Kind::List, [pair].into())
        }
        (_, "copy") => Type::Container(kind, elements.into()),
        (Kind::List, "append" | "extend" | "insert" | "remove" | "clear" | "sort" | "reverse") => Type::None,
        _ => Type::Unknown,
    };
    Type::Callable(Rc::new(result))
}
