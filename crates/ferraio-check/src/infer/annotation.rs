//! What an annotation says of a value.

use std::rc::Rc;

use ruff_python_ast::{Expr, Operator};
use ruff_python_parser::parse_parenthesized_expression_range;
use ruff_text_size::{TextRange, TextSize};

use super::{Inference, identity};
use crate::scope::Binding;
use crate::types::{Class, Frame, FrameKind, Kind, Substitution, Type};

impl<'a> Inference<'a, '_> {
    /// Tell what a value is that is annotated so, with the type variables of the classes around filled in.
    pub fn annotation_in(&self, annotation: &'a Expr, frame: &Rc<Frame<'a>>) -> Type<'a> {
        let declared = self.annotation(annotation, frame);
        let mut around: Substitution<'a> = Vec::new();
        let mut current = Some(frame);
        while let Some(frame) = current {
            if matches!(frame.kind, FrameKind::Class(_)) {
                around.extend(frame.bound.iter().map(|(name, argument)| (*name, self.argument(argument))));
            }
            current = frame.parent.as_ref();
        }
        if around.is_empty() { declared } else { substitute(&declared, &around) }
    }

    fn annotation(&self, annotation: &'a Expr, frame: &Rc<Frame<'a>>) -> Type<'a> {
        self.deeper(|| match annotation {
            Expr::NoneLiteral(_) => Type::None,
            Expr::StringLiteral(text) => {
                let text = text.value.to_str();
                let range = TextRange::new(TextSize::new(0), TextSize::of(text));
                match parse_parenthesized_expression_range(text, range) {
                    Ok(parsed) => self.annotation(&self.program.storage().keep_annotation(parsed).body, frame),
                    Err(_) => Type::Unknown,
                }
            }
            Expr::BinOp(either) if either.op == Operator::BitOr => {
                let members = [self.annotation(&either.left, frame), self.annotation(&either.right, frame)];
                Type::union(members)
            }
            Expr::Subscript(subscript) => {
                let head = self.expression(&subscript.value, frame);
                if head.is_unknown() && subscript.value.is_name_expr() {
                    // An alias with parameters: what they are is of no weight.
                    return self.annotation(&subscript.value, frame);
                }
                let arguments = match &*subscript.slice {
                    Expr::Tuple(tuple) => tuple.elts.as_slice(),
                    one => std::slice::from_ref(one),
                };
                self.generic(&head, arguments, frame)
            }
            Expr::Name(name) => {
                // Not what the name is at this place: annotations are read when everything is defined.
                let value = self.name(&name.id, frame, None);
                if let Type::Unknown = value
                    && let Some((bindings, owner)) = self.lookup(&name.id, frame, None)
                {
                    return self.alias(&bindings, &owner);
                }
                self.instance(value, frame)
            }
            Expr::Attribute(_) => self.instance(self.expression(annotation, frame), frame),
            _ => Type::Unknown,
        })
    }

    /// A name that stands for an annotation: `Handler = Callable[…]`, here or in another module.
    fn alias(&self, bindings: &[Binding<'a>], frame: &Rc<Frame<'a>>) -> Type<'a> {
        let [binding] = bindings else { return Type::Unknown };
        match binding {
            Binding::Value(value) | Binding::Declared(_, Some(value))
                if matches!(value, Expr::Subscript(_) | Expr::BinOp(_) | Expr::StringLiteral(_)) =>
            {
                self.once((identity(*value), 4), || self.annotation(value, frame))
            }
            Binding::ImportFrom(statement, alias) => {
                let module = statement.module.as_ref().map_or("", |module| module.as_str());
                match self.program.import(frame.file, statement.level, module) {
                    Some(crate::program::Found::File(file)) => {
                        let frame = self.module_frame(file);
                        match self.lookup(&alias.name, &frame, None) {
                            Some((bindings, owner)) => {
                                self.once((identity(*alias), 4), || self.alias(&bindings, &owner))
                            }
                            None => Type::Unknown,
                        }
                    }
                    _ => Type::Unknown,
                }
            }
            _ => Type::Unknown,
        }
    }

    /// An object of what an annotation names.
    fn instance(&self, value: Type<'a>, frame: &Rc<Frame<'a>>) -> Type<'a> {
        match value {
            Type::Class(class) => self.instance_of(class),
            Type::External(name) => match last(&name) {
                "int" => Type::Plain("int"),
                "str" => Type::Plain("str"),
                "bytes" => Type::Plain("bytes"),
                "float" => Type::Plain("float"),
                "bool" => Type::Plain("bool"),
                "complex" => Type::Plain("complex"),
                "bytearray" => Type::Plain("bytearray"),
                "Self" => self.this_class(frame).unwrap_or(Type::Unknown),
                "Any" | "object" | "TypeAlias" | "NoReturn" | "Never" | "Final" | "ClassVar" | "Callable" => {
                    Type::Unknown
                }
                _ => self.generic(&Type::External(Rc::clone(&name)), &[], frame),
            },
            Type::None => Type::None,
            Type::Variable(name) => Type::Variable(name),
            _ => Type::Unknown,
        }
    }

    fn instance_of(&self, class: Rc<Class<'a>>) -> Type<'a> {
        if !class.frame.file.is_project {
            match class.full_name().as_str() {
                "asyncio.tasks.Task" | "asyncio.futures.Future" => {
                    let given = class.arguments.first().map_or(Type::Unknown, |(_, given)| given.clone());
                    return Type::Awaitable(Rc::new(given));
                }
                _ => {}
            }
        }
        Type::Instance(class)
    }

    /// The class that `Self` is.
    fn this_class(&self, frame: &Rc<Frame<'a>>) -> Option<Type<'a>> {
        let mut current = Some(frame);
        while let Some(frame) = current {
            match (&frame.receiver, frame.kind) {
                (Some(Type::Class(class) | Type::Instance(class)), _) => return Some(Type::Instance(Rc::clone(class))),
                (_, FrameKind::Class(definition)) => {
                    let outer = Rc::clone(frame.parent.as_ref()?);
                    return Some(Type::Instance(Rc::new(Class { definition, frame: outer, arguments: Vec::new() })));
                }
                _ => current = frame.parent.as_ref(),
            }
        }
        None
    }

    /// `head[arguments]` as an annotation.
    fn generic(&self, head: &Type<'a>, arguments: &'a [Expr], frame: &Rc<Frame<'a>>) -> Type<'a> {
        let argument =
            |index: usize| arguments.get(index).map_or(Type::Unknown, |argument| self.annotation(argument, frame));
        let one = |index: usize| Rc::new(argument(index));
        match head {
            Type::Class(class) => {
                let variables = self.type_variables(class);
                let given =
                    variables.into_iter().zip(arguments.iter().map(|argument| self.annotation(argument, frame)));
                let arguments = given.collect();
                self.instance_of(Rc::new(Class {
                    definition: class.definition,
                    frame: Rc::clone(&class.frame),
                    arguments,
                }))
            }
            Type::External(name) => match last(name) {
                "Optional" => Type::union([argument(0), Type::None]),
                "Union" => Type::union(arguments.iter().map(|argument| self.annotation(argument, frame))),
                "Annotated" | "Required" | "NotRequired" | "ReadOnly" | "Final" | "ClassVar" | "Unpack" => argument(0),
                "list" | "List" | "Sequence" | "MutableSequence" | "Iterable" | "Collection" | "deque" | "Deque"
                | "Reversible" => Type::Container(Kind::List, [argument(0)].into()),
                "set" | "frozenset" | "Set" | "FrozenSet" | "AbstractSet" | "MutableSet" => {
                    Type::Container(Kind::Set, [argument(0)].into())
                }
                "Iterator" | "Generator" => Type::Container(Kind::Iterator, [argument(0)].into()),
                "dict" | "Dict" | "Mapping" | "MutableMapping" | "OrderedDict" | "defaultdict" | "DefaultDict" => {
                    Type::Container(Kind::Dict, [argument(0), argument(1)].into())
                }
                "tuple" | "Tuple" => match arguments {
                    [_, Expr::EllipsisLiteral(_)] => Type::Container(Kind::List, [argument(0)].into()),
                    [] => Type::Container(Kind::List, [Type::Unknown].into()),
                    _ => {
                        let elements = arguments.iter().map(|element| self.annotation(element, frame));
                        Type::Container(Kind::Tuple, elements.collect())
                    }
                },
                "type" | "Type" => match argument(0) {
                    Type::Instance(class) => Type::Class(class),
                    _ => Type::Unknown,
                },
                "Callable" => match (arguments.first(), arguments.get(1)) {
                    (Some(Expr::List(parameters)), Some(_)) => {
                        let result = argument(1);
                        if let ([parameter], Type::Variable(variable)) = (parameters.elts.as_slice(), &result)
                            && matches!(self.annotation(parameter, frame), Type::Variable(same) if same == *variable)
                        {
                            return Type::Identity;
                        }
                        Type::Callable(Rc::new(to_await(result, &arguments[1])))
                    }
                    (Some(_), Some(_)) => Type::Callable(Rc::new(to_await(argument(1), &arguments[1]))),
                    _ => Type::Unknown,
                },
                "Coroutine" if arguments.len() == 3 => {
                    Type::Coroutine(Rc::new(crate::types::Coroutine::Giving(argument(2))))
                }
                "Coroutine" | "CoroutineType" => {
                    Type::Coroutine(Rc::new(crate::types::Coroutine::Giving(Type::Unknown)))
                }
                "Awaitable" | "Future" | "Task" => Type::Awaitable(one(0)),
                "AsyncIterator" | "AsyncIterable" | "AsyncGenerator" => Type::AsyncIterator(one(0)),
                "AbstractAsyncContextManager" | "AsyncContextManager" => Type::AsyncContext(one(0)),
                "AbstractContextManager" | "ContextManager" => Type::Context(one(0)),
                _ => match head {
                    Type::External(name) if name.starts_with("typing.") || name.starts_with("builtins.") => {
                        Type::Unknown
                    }
                    Type::External(name) => Type::Made(Rc::clone(name)),
                    _ => Type::Unknown,
                },
            },
            _ => Type::Unknown,
        }
    }

    /// The type variables of a class, in their order.
    pub(super) fn type_variables(&self, class: &Class<'a>) -> Vec<&'a str> {
        if let Some(parameters) = &class.definition.type_params {
            return parameters.type_params.iter().map(|parameter| parameter.name().as_str()).collect();
        }
        let mut variables = Vec::new();
        for base in super::bases(class.definition) {
            let Expr::Subscript(subscript) = base else { continue };
            let arguments = match &*subscript.slice {
                Expr::Tuple(tuple) => tuple.elts.as_slice(),
                one => std::slice::from_ref(one),
            };
            for argument in arguments {
                if let Type::Variable(name) = self.expression(argument, &class.frame)
                    && !variables.contains(&name)
                {
                    variables.push(name);
                }
            }
        }
        variables
    }

    /// Find what type variables of an annotation are, given a value.
    pub(super) fn unify(&self, declared: &Type<'a>, given: &Type<'a>, found: &mut Substitution<'a>) {
        match (declared, given) {
            (_, Type::Unknown) => {}
            (Type::Variable(name), given) if !found.iter().any(|(known, _)| known == name) => {
                found.push((name, given.clone()));
            }
            (Type::Container(_, declared), Type::Container(_, given)) => {
                for (declared, given) in declared.iter().zip(given.iter()) {
                    self.unify(declared, given, found);
                }
            }
            (Type::Callable(declared), given) => {
                let result = self.call(given, &[]);
                self.unify(declared, &result, found);
            }
            (Type::Awaitable(declared), Type::Awaitable(_) | Type::Coroutine(_)) => {
                let given = self.awaited(given);
                self.unify(declared, &given, found);
            }
            (Type::Coroutine(_), Type::Coroutine(_)) => {
                let (declared, given) = (self.awaited(declared), self.awaited(given));
                self.unify(&declared, &given, found);
            }
            (Type::Instance(declared), Type::Instance(given))
                if std::ptr::eq(declared.definition, given.definition) =>
            {
                for ((_, declared), (_, given)) in declared.arguments.iter().zip(&given.arguments) {
                    self.unify(declared, given, found);
                }
            }
            // Either a result or something that gives it.
            (Type::Union(declared), Type::Coroutine(_) | Type::Awaitable(_))
                if declared.iter().any(|member| matches!(member, Type::Awaitable(_) | Type::Coroutine(_))) =>
            {
                for member in declared.iter().filter(|member| !matches!(member, Type::Variable(_))) {
                    self.unify(member, given, found);
                }
            }
            (Type::Union(declared), given) => {
                for member in declared.iter().filter(|member| matches!(member, Type::Variable(_))) {
                    self.unify(member, &given.clone().without_none(), found);
                }
            }
            _ => {}
        }
    }
}

/// The type with its variables replaced; those that stay are unknown to whoever gets it.
pub(super) fn substitute<'a>(declared: &Type<'a>, with: &Substitution<'a>) -> Type<'a> {
    let all = |members: &[Type<'a>]| members.iter().map(|member| substitute(member, with)).collect::<Vec<_>>();
    let one = |inner: &Type<'a>| Rc::new(substitute(inner, with));
    match declared {
        Type::Variable(name) => {
            with.iter().find(|(known, _)| known == name).map_or_else(|| declared.clone(), |(_, given)| given.clone())
        }
        Type::Container(kind, elements) => Type::Container(*kind, all(elements).into()),
        Type::Union(members) => Type::union(all(members)),
        Type::Awaitable(inner) => Type::Awaitable(one(inner)),
        Type::AsyncIterator(inner) => Type::AsyncIterator(one(inner)),
        Type::AsyncContext(inner) => Type::AsyncContext(one(inner)),
        Type::Context(inner) => Type::Context(one(inner)),
        Type::Callable(inner) => Type::Callable(one(inner)),
        Type::Coroutine(coroutine) => match &**coroutine {
            crate::types::Coroutine::Giving(inner) => {
                Type::Coroutine(Rc::new(crate::types::Coroutine::Giving(substitute(inner, with))))
            }
            crate::types::Coroutine::Call(..) => declared.clone(),
        },
        Type::Instance(class) if !class.arguments.is_empty() => {
            let arguments = class.arguments.iter().map(|(name, inner)| (*name, substitute(inner, with))).collect();
            Type::Instance(Rc::new(Class { definition: class.definition, frame: Rc::clone(&class.frame), arguments }))
        }
        other => other.clone(),
    }
}

/// The type with its variables forgotten: whoever reads it cannot know them.
pub(super) fn forget<'a>(declared: &Type<'a>) -> Type<'a> {
    let mut names = Vec::new();
    variables(declared, &mut names);
    if names.is_empty() { declared.clone() } else { substitute(declared, &names) }
}

fn variables<'a>(declared: &Type<'a>, names: &mut Substitution<'a>) {
    match declared {
        Type::Variable(name) => names.push((name, Type::Unknown)),
        Type::Container(_, members) | Type::Union(members) => {
            members.iter().for_each(|member| variables(member, names))
        }
        Type::Awaitable(inner)
        | Type::AsyncIterator(inner)
        | Type::AsyncContext(inner)
        | Type::Context(inner)
        | Type::Callable(inner) => variables(inner, names),
        Type::Coroutine(coroutine) => {
            if let crate::types::Coroutine::Giving(inner) = &**coroutine {
                variables(inner, names);
            }
        }
        Type::Instance(class) | Type::Class(class) => {
            class.arguments.iter().for_each(|(_, inner)| variables(inner, names));
        }
        _ => {}
    }
}

/// Whether there are type variables in it.
pub(super) fn has_variable(declared: &Type<'_>) -> bool {
    let mut names = Vec::new();
    variables(declared, &mut names);
    !names.is_empty()
}

/// What a callable gives that is said to be awaitable: a coroutine, or something else that nobody may drop.
fn to_await<'a>(result: Type<'a>, annotation: &Expr) -> Type<'a> {
    let is_task = |head: &Expr| ["Task", "Future"].iter().any(|name| super::ends_with(head, name));
    match (result, annotation) {
        (Type::Awaitable(inner), Expr::Subscript(subscript)) if !is_task(&subscript.value) => {
            Type::Coroutine(Rc::new(crate::types::Coroutine::Giving((*inner).clone())))
        }
        (other, _) => other,
    }
}

/// The last part of a dotted name.
pub(super) fn last(name: &str) -> &str {
    name.rsplit('.').next().unwrap_or(name)
}
