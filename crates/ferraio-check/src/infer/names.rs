//! What a name is: the scopes around it, imports, and what the bindings say.

use std::rc::Rc;

use ruff_python_ast::{Expr, StmtFunctionDef, StmtImportFrom};
use ruff_text_size::TextSize;

use super::{Inference, ends_with, identity};
use crate::program::Found;
use crate::scope::{Binding, Bound, Scope};
use crate::source::File;
use crate::types::{Argument, Class, Code, Frame, FrameKind, Function, Kind, Type};

/// Modules whose names are known by themselves; their sources say nothing that could be followed.
const KNOWN_MODULES: [&str; 10] = [
    "typing",
    "typing_extensions",
    "collections.abc",
    "abc",
    "types",
    "builtins",
    "functools",
    "dataclasses",
    "enum",
    "inspect",
];

impl<'a> Inference<'a, '_> {
    /// Tell what a name is. `place` is where it is used, if it is used in this very scope.
    pub fn name(&self, name: &'a str, frame: &Rc<Frame<'a>>, place: Option<TextSize>) -> Type<'a> {
        match self.lookup(name, frame, place) {
            Some((bindings, owner)) => {
                let is_module =
                    matches!(owner.kind, FrameKind::Module) && (place.is_none() || !Rc::ptr_eq(&owner, frame));
                if !is_module {
                    return self.bindings(name, &bindings, &owner);
                }
                let key = (identity(&*owner.scope), name);
                if let Some(known) = self.names.borrow().get(&key) {
                    return known.clone();
                }
                let (result, is_complete) = self.complete(|| self.bindings(name, &bindings, &owner));
                if is_complete {
                    self.names.borrow_mut().insert(key, result.clone());
                }
                result
            }
            None => {
                let module = self.outermost(frame);
                if let Some(found) = self.starred(name, &module) {
                    return found;
                }
                if name == "NotImplemented" {
                    // As `None`: nothing that one gets to see.
                    return Type::None;
                }
                Type::External(format!("builtins.{name}").into())
            }
        }
    }

    /// Find the bindings of a name that can reach it, and the scope they are in.
    pub(super) fn lookup(
        &self,
        name: &str,
        frame: &Rc<Frame<'a>>,
        place: Option<TextSize>,
    ) -> Option<(Vec<Binding<'a>>, Rc<Frame<'a>>)> {
        let mut current = Some(frame);
        let mut same = true;
        let mut is_first = true;
        while let Some(frame) = current {
            let is_visible = is_first || !matches!(frame.kind, FrameKind::Class(_));
            if is_visible
                && !frame.scope.foreign.contains(name)
                && let Some(bound) = frame.scope.get(name)
            {
                let mut bindings = match place {
                    Some(place) if same => Scope::reaching(bound, place),
                    _ => Vec::new(),
                };
                let is_from_around = same && place.is_some() && matches!(frame.kind, FrameKind::Class(_));
                if bindings.is_empty() && is_from_around {
                    // In the body of a class a name that is not yet bound is that of the scope around.
                    is_first = false;
                    current = frame.parent.as_ref();
                    continue;
                }
                if bindings.is_empty() {
                    bindings = bound.iter().map(|bound| bound.binding.clone()).collect();
                }
                return Some((bindings, Rc::clone(frame)));
            }
            same = same && matches!(frame.kind, FrameKind::Comprehension);
            is_first = is_first && matches!(frame.kind, FrameKind::Comprehension);
            current = frame.parent.as_ref();
        }
        None
    }

    /// The scope of the file.
    pub(super) fn outermost(&self, frame: &Rc<Frame<'a>>) -> Rc<Frame<'a>> {
        let mut frame = frame;
        while let Some(parent) = &frame.parent {
            frame = parent;
        }
        Rc::clone(frame)
    }

    fn bindings(&self, name: &'a str, bindings: &[Binding<'a>], frame: &Rc<Frame<'a>>) -> Type<'a> {
        let is_defined = |binding: &&Binding<'a>| matches!(binding, Binding::Function(_) | Binding::Class(_));
        if frame.file.module.starts_with("asyncio.") && bindings.iter().any(|binding| is_defined(&binding)) {
            // What C has in its place does the same.
            let defined = bindings.iter().filter(is_defined);
            return Type::union(defined.map(|binding| self.binding(name, binding, frame)));
        }
        Type::union(bindings.iter().map(|binding| self.binding(name, binding, frame)))
    }

    /// Whether a name of a module is bound to `True` or `False`, once, there or where it is imported from.
    pub(super) fn constant_name(&self, name: &str, frame: &Rc<Frame<'a>>, depth: usize) -> Option<bool> {
        let (bindings, owner) = self.lookup(name, frame, None)?;
        let [binding] = bindings.as_slice() else { return None };
        match binding {
            Binding::Value(Expr::BooleanLiteral(literal)) if matches!(owner.kind, FrameKind::Module) => {
                (name != "TYPE_CHECKING").then_some(literal.value)
            }
            Binding::ImportFrom(statement, alias) if depth < 5 => {
                let module = statement.module.as_ref().map_or("", |module| module.as_str());
                match self.program.import(owner.file, statement.level, module)? {
                    Found::File(file) => self.constant_name(&alias.name, &self.module_frame(file), depth + 1),
                    Found::Folder => None,
                }
            }
            _ => None,
        }
    }

    /// Tell what a binding gives.
    pub fn binding(&self, name: &'a str, binding: &Binding<'a>, frame: &Rc<Frame<'a>>) -> Type<'a> {
        self.deeper(|| match binding {
            Binding::Function(definition) => self.decorated(definition, frame),
            Binding::Class(definition) => {
                Type::Class(Rc::new(Class { definition, frame: Rc::clone(frame), arguments: Vec::new() }))
            }
            Binding::Import(alias) => {
                let imported = match &alias.asname {
                    Some(_) => alias.name.as_str(),
                    None => name,
                };
                self.import_module(frame.file, 0, imported)
            }
            Binding::ImportFrom(statement, alias) => self.import_member(frame.file, statement, &alias.name),
            Binding::Value(value) => self.once((identity(*value), 0), || match type_variable(value) {
                Some(variable) => Type::Variable(variable),
                None => self.expression(value, frame),
            }),
            Binding::Declared(annotation, value) => {
                let declared = match annotation {
                    Expr::Subscript(subscript) if ends_with(&subscript.value, "Final") => Type::Unknown,
                    Expr::Name(_) | Expr::Attribute(_)
                        if ["Final", "ClassVar", "TypeAlias"].iter().any(|form| ends_with(annotation, form)) =>
                    {
                        Type::Unknown
                    }
                    _ => self.annotation_in(annotation, frame),
                };
                match value {
                    Some(value) if declared.is_unknown() => {
                        self.once((identity(*value), 0), || self.expression(value, frame))
                    }
                    _ => declared,
                }
            }
            Binding::Element(value, is_async) => self.once((identity(*value), 1), || {
                // The first iterable of a comprehension belongs to the scope around it; the others see all names.
                let value = self.expression(value, frame);
                self.iterated(&value, *is_async)
            }),
            Binding::Entered(value, is_async) => self.once((identity(*value), 2), || {
                let value = self.expression(value, frame);
                self.entered(&value, *is_async)
            }),
            Binding::Part(whole, index) => {
                let whole = self.binding(name, whole, frame);
                match &whole {
                    Type::Container(Kind::Tuple, elements) => elements.get(*index).cloned().unwrap_or(Type::Unknown),
                    other => self.iterated(other, false),
                }
            }
            Binding::Parameter(parameter, index) => {
                self.once((identity(*parameter), identity(&**frame)), || self.parameter(parameter, *index, frame))
            }
            Binding::TypeVariable => Type::Variable(name),
            Binding::Rest | Binding::Other => Type::Unknown,
        })
    }

    fn parameter(&self, parameter: &'a ruff_python_ast::Parameter, index: usize, frame: &Rc<Frame<'a>>) -> Type<'a> {
        if let Some(argument) = frame.bound.get(parameter.name.as_str()) {
            let given = self.argument(argument);
            if !given.is_unknown() {
                return given;
            }
        }
        if let Some(annotation) = &parameter.annotation {
            let scope = frame.parent.as_ref().unwrap_or(frame);
            let is_generic = matches!(frame.kind, FrameKind::Function(definition) if definition.type_params.is_some());
            let declared = self.annotation_in(annotation, if is_generic { frame } else { scope });
            return match declared {
                // What it is bound to by its name is unknown; a variable is nothing to call.
                Type::Variable(_) => Type::Unknown,
                declared => declared,
            };
        }
        match frame.kind {
            FrameKind::Function(definition) if index == 0 => self.receiver(definition, frame).unwrap_or(Type::Unknown),
            _ => Type::Unknown,
        }
    }

    /// What `self` or `cls` is.
    pub fn receiver(&self, definition: &'a StmtFunctionDef, frame: &Rc<Frame<'a>>) -> Option<Type<'a>> {
        let parent = frame.parent.as_ref()?;
        let FrameKind::Class(class) = parent.kind else { return None };
        if has_decorator(definition, "staticmethod") {
            return None;
        }
        if let Some(receiver) = &frame.receiver {
            return Some(receiver.clone());
        }
        let class =
            Rc::new(Class { definition: class, frame: Rc::clone(parent.parent.as_ref()?), arguments: Vec::new() });
        let of_class = has_decorator(definition, "classmethod")
            || matches!(definition.name.as_str(), "__new__" | "__init_subclass__" | "__class_getitem__");
        Some(if of_class { Type::Class(class) } else { Type::Instance(class) })
    }

    /// What an argument is.
    pub(super) fn argument(&self, argument: &Argument<'a>) -> Type<'a> {
        match argument {
            Argument::Known(known) => known.clone(),
            Argument::Given(expression, frame) => self.expression(expression, frame),
        }
    }

    /// Tell what a module gives under a name.
    pub fn member(&self, file: &'a File, name: &'a str) -> Option<Type<'a>> {
        let frame = self.module_frame(file);
        if frame.scope.get(name).is_some() {
            return Some(
                self.once((identity(file), identity(name.as_bytes().first()?)), || self.name(name, &frame, None)),
            );
        }
        if let Some(found) = self.starred(name, &frame).or_else(|| self.imported_when_asked(name, &frame)) {
            return Some(found);
        }
        if !file.is_package {
            return None;
        }
        self.found(self.program.import(file, 1, name)?, file, name)
    }

    /// A name that came with `from … import *`.
    fn starred(&self, name: &'a str, frame: &Rc<Frame<'a>>) -> Option<Type<'a>> {
        if name.starts_with('_') {
            return None;
        }
        frame.scope.star_imports.iter().find_map(|statement| {
            let module = statement.module.as_ref().map_or("", |module| module.as_str());
            let Found::File(file) = self.program.import(frame.file, statement.level, module)? else { return None };
            let key = (identity(*statement), identity(name.as_bytes().first()?));
            if !self.busy.borrow_mut().insert(key) {
                return None;
            }
            let found = self.member(file, name);
            self.busy.borrow_mut().remove(&key);
            found
        })
    }

    /// A name that the module's `__getattr__` imports when it is asked for it (PEP 562).
    fn imported_when_asked(&self, name: &'a str, frame: &Rc<Frame<'a>>) -> Option<Type<'a>> {
        let [Bound { binding: Binding::Function(getattr), .. }] = frame.scope.get("__getattr__")? else { return None };
        let scope = Scope::of_function(getattr);
        let (statement, alias) = scope.iter().flat_map(|(_, bound)| bound).find_map(|bound| match bound.binding {
            Binding::ImportFrom(statement, alias) if alias.name.as_str() == name => Some((statement, alias)),
            _ => None,
        })?;
        Some(self.once((identity(alias), 0), || self.import_member(frame.file, statement, &alias.name)))
    }

    fn import_member(&self, file: &'a File, statement: &'a StmtImportFrom, name: &'a str) -> Type<'a> {
        let module = statement.module.as_ref().map_or("", |module| module.as_str());
        if module.is_empty()
            && file.is_package
            && statement.level == 1
            && let Some(found) = self.program.import(file, 1, name)
        {
            // A package that takes in a module of its own, under its own name.
            return self.found(found, file, name).unwrap_or(Type::Unknown);
        }
        let module = self.import_module(file, statement.level, module);
        self.attribute(&module, name)
    }

    /// Tell what importing a module gives.
    fn import_module(&self, file: &'a File, level: u32, name: &'a str) -> Type<'a> {
        if level == 0 && KNOWN_MODULES.contains(&name) {
            return Type::External(name.into());
        }
        match self.program.import(file, level, name) {
            Some(found) => self.found(found, file, name).unwrap_or(Type::Unknown),
            None if level == 0 => Type::External(name.into()),
            None => Type::Unknown,
        }
    }

    fn found(&self, found: Found<'a>, from: &'a File, name: &str) -> Option<Type<'a>> {
        match found {
            Found::File(file) => Some(Type::Module(file)),
            Found::Folder => Some(Type::Folder(from, name.into())),
        }
    }

    /// A function with its decorators applied, the nearest first.
    pub fn decorated(&self, definition: &'a StmtFunctionDef, frame: &Rc<Frame<'a>>) -> Type<'a> {
        let plain =
            Type::Function(Rc::new(Function { code: Code::Def(definition), frame: Rc::clone(frame), receiver: None }));
        if definition.decorator_list.is_empty() {
            return plain;
        }
        let is_shared = is_plain(frame);
        if is_shared && let Some(known) = self.decorated.borrow().get(&identity(definition)) {
            return known.clone();
        }
        let decorators = definition.decorator_list.iter().rev();
        let (result, is_complete) = self.complete(|| {
            self.once((identity(definition), 3), || {
                decorators.fold(plain, |decorated, decorator| self.decorate(&decorator.expression, decorated, frame))
            })
        });
        if is_shared && is_complete {
            self.decorated.borrow_mut().insert(identity(definition), result.clone());
        }
        result
    }
}

/// Whether a function has a decorator of this name.
pub fn has_decorator(definition: &StmtFunctionDef, name: &str) -> bool {
    definition.decorator_list.iter().any(|decorator| ends_with(&decorator.expression, name))
}

/// Whether nothing is known of any call around this scope.
pub(super) fn is_plain(frame: &Frame<'_>) -> bool {
    frame.bound.is_empty() && frame.parent.as_ref().is_none_or(|parent| is_plain(parent))
}

/// The name in `TypeVar("T")`.
fn type_variable(value: &Expr) -> Option<&str> {
    let Expr::Call(call) = value else { return None };
    if !["TypeVar", "ParamSpec"].iter().any(|name| ends_with(&call.func, name)) {
        return None;
    }
    match call.arguments.args.first()? {
        Expr::StringLiteral(name) => Some(name.value.to_str()),
        _ => None,
    }
}
