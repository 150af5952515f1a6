//! What is known of a value: enough to tell coroutines from everything else, and to get from one value to the next.
//!
//! No type checker: what is not certain is `Unknown`, and nothing is said about unknown values.

use std::collections::HashMap;
use std::rc::Rc;

use ruff_python_ast::{Expr, ExprLambda, StmtClassDef, StmtFunctionDef};

use crate::scope::Scope;
use crate::source::File;

/// What is known of a value.
#[derive(Clone)]
pub enum Type<'a> {
    /// Nothing.
    Unknown,
    /// It is `None`.
    None,
    /// It is of a builtin class that can be neither called nor awaited, such as `int`.
    Plain(&'static str),
    /// A module with its file.
    Module(&'a File),
    /// A folder without `__init__`, as the dotted name it has, imported by this file.
    Folder(&'a File, Rc<str>),
    /// Something that has no source here, by its full name: `time.sleep`.
    External(Rc<str>),
    /// What calling something without source gives: an instance, if it is a class.
    Made(Rc<str>),
    /// A function or method.
    Function(Rc<Function<'a>>),
    /// A method that reads like an attribute.
    Property(Rc<Function<'a>>),
    /// A class.
    Class(Rc<Class<'a>>),
    /// An object of a class.
    Instance(Rc<Class<'a>>),
    /// A coroutine, and the call that made it.
    Coroutine(Rc<Coroutine<'a>>),
    /// Something to be awaited that runs by itself: a task, a future.
    Awaitable(Rc<Type<'a>>),
    /// An asynchronous iterator with its elements.
    AsyncIterator(Rc<Type<'a>>),
    /// What `async with` takes and gives.
    AsyncContext(Rc<Type<'a>>),
    /// What `with` takes and gives.
    Context(Rc<Type<'a>>),
    /// Something to call, and what that gives.
    Callable(Rc<Type<'a>>),
    /// Something to call that gives back what it gets: most decorators.
    Identity,
    /// `super()`: the class after which methods are searched, and the object.
    Super(Rc<Class<'a>>, Rc<Type<'a>>),
    /// A container of the standard kinds with the types of its elements.
    Container(Kind, Rc<[Type<'a>]>),
    /// A type variable, by its name.
    Variable(&'a str),
    /// One of these.
    Union(Rc<[Type<'a>]>),
}

/// The standard containers.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Kind {
    /// `list`, and whatever else one iterates over
    List,
    /// `tuple`, each element with a type of its own
    Tuple,
    /// `dict`: the types of keys and values
    Dict,
    /// `set`
    Set,
    /// A generator or iterator
    Iterator,
}

/// A function or method, where it was found.
pub struct Function<'a> {
    /// Its definition.
    pub code: Code<'a>,
    /// The scope that it is defined in.
    pub frame: Rc<Frame<'a>>,
    /// What it is bound to, as `self` or `cls`.
    pub receiver: Option<Type<'a>>,
}

/// What a function is made of.
#[derive(Clone, Copy)]
pub enum Code<'a> {
    /// `def`
    Def(&'a StmtFunctionDef),
    /// `lambda`
    Lambda(&'a ExprLambda),
}

/// A class and what its type parameters are.
pub struct Class<'a> {
    /// Its definition.
    pub definition: &'a StmtClassDef,
    /// The scope that it is defined in.
    pub frame: Rc<Frame<'a>>,
    /// What its type variables stand for.
    pub arguments: Substitution<'a>,
}

/// What type variables stand for.
pub type Substitution<'a> = Vec<(&'a str, Type<'a>)>;

/// A coroutine that nobody has awaited yet.
pub enum Coroutine<'a> {
    /// The call of a function, with what its parameters are.
    Call(Rc<Function<'a>>, Parameters<'a>),
    /// One that gives this.
    Giving(Type<'a>),
}

/// What the parameters of a call are.
pub type Parameters<'a> = HashMap<&'a str, Argument<'a>, rustc_hash::FxBuildHasher>;

/// What a parameter is.
#[derive(Clone)]
pub enum Argument<'a> {
    /// This.
    Known(Type<'a>),
    /// What this expression is, where the call stands; worked out when somebody asks.
    Given(&'a Expr, Rc<Frame<'a>>),
}

/// A scope at work: its names, and the scopes around it.
pub struct Frame<'a> {
    /// What kind of scope it is.
    pub kind: FrameKind<'a>,
    /// The file.
    pub file: &'a File,
    /// The names.
    pub scope: Rc<Scope<'a>>,
    /// The scope around it.
    pub parent: Option<Rc<Frame<'a>>>,
    /// What the parameters are, if it is looked at for one call.
    pub bound: Parameters<'a>,
    /// What the first parameter of a method is.
    pub receiver: Option<Type<'a>>,
}

/// The kinds of scopes.
#[derive(Clone, Copy)]
pub enum FrameKind<'a> {
    /// A file.
    Module,
    /// The body of a class.
    Class(&'a StmtClassDef),
    /// The body of a function.
    Function(&'a StmtFunctionDef),
    /// A lambda.
    Lambda,
    /// A comprehension.
    Comprehension,
}

impl<'a> Type<'a> {
    /// One of several, simplified.
    pub fn union(types: impl IntoIterator<Item = Type<'a>>) -> Self {
        let mut members: Vec<Type<'a>> = Vec::new();
        for member in types {
            match member {
                Type::Unknown => return Type::Unknown,
                Type::Union(inner) => inner.iter().for_each(|inner| add(&mut members, inner.clone())),
                other => add(&mut members, other),
            }
        }
        match members.len() {
            0 => Type::Unknown,
            1 => members.swap_remove(0),
            _ => Type::Union(members.into()),
        }
    }

    /// The type without `None`, for an operation that `None` does not have.
    pub fn without_none(self) -> Self {
        match self {
            Type::Union(members) => Type::union(members.iter().filter(|member| !matches!(member, Type::None)).cloned()),
            other => other,
        }
    }

    /// The members, if it is one of several, or itself.
    pub fn members(&self) -> &[Type<'a>] {
        match self {
            Type::Union(members) => members,
            other => std::slice::from_ref(other),
        }
    }

    /// Whether it is certainly a coroutine.
    pub fn is_coroutine(&self) -> bool {
        self.members().iter().all(|member| matches!(member, Type::Coroutine(_)))
    }

    /// Whether nothing is known.
    pub fn is_unknown(&self) -> bool {
        matches!(self, Type::Unknown)
    }

    /// The only thing that it can be.
    pub fn function(&self) -> Option<&Rc<Function<'a>>> {
        match self {
            Type::Function(function) => Some(function),
            _ => None,
        }
    }
}

fn add<'a>(members: &mut Vec<Type<'a>>, member: Type<'a>) {
    let known = members.iter().any(|known| match (known, &member) {
        (Type::None, Type::None) => true,
        (Type::Plain(one), Type::Plain(other)) => one == other,
        (Type::External(one), Type::External(other)) | (Type::Made(one), Type::Made(other)) => one == other,
        (Type::Class(one), Type::Class(other)) | (Type::Instance(one), Type::Instance(other)) => {
            Rc::ptr_eq(one, other)
                || (std::ptr::eq(one.definition, other.definition)
                    && one.arguments.is_empty()
                    && other.arguments.is_empty())
        }
        (Type::Module(one), Type::Module(other)) => std::ptr::eq(*one, *other),
        _ => false,
    });
    if !known {
        members.push(member);
    }
}

impl<'a> Function<'a> {
    /// Its definition, unless it is a lambda.
    pub fn definition(&self) -> Option<&'a StmtFunctionDef> {
        match self.code {
            Code::Def(definition) => Some(definition),
            Code::Lambda(_) => None,
        }
    }

    /// Whether it is an `async def`.
    pub fn is_async(&self) -> bool {
        self.definition().is_some_and(|definition| definition.is_async)
    }

    /// Its name without those of the scopes around it.
    pub fn name(&self) -> &'a str {
        self.definition().map_or("<lambda>", |definition| definition.name.as_str())
    }

    /// Its name with the class it is in, for messages.
    pub fn qualified_name(&self) -> String {
        match self.frame.kind {
            FrameKind::Class(class) => format!("{}.{}", class.name, self.name()),
            _ => self.name().to_owned(),
        }
    }

    /// Its name with module and class: `asyncio.tasks.gather`.
    pub fn full_name(&self) -> String {
        format!("{}.{}", self.frame.file.module, self.qualified_name())
    }
}

impl Class<'_> {
    /// Its name with the module.
    pub fn full_name(&self) -> String {
        format!("{}.{}", self.frame.file.module, self.definition.name)
    }
}

impl<'a> Frame<'a> {
    /// The function that this scope belongs to; comprehensions belong to the one they are in.
    pub fn function(&self) -> Option<&'a StmtFunctionDef> {
        match self.kind {
            FrameKind::Function(function) => Some(function),
            FrameKind::Comprehension => self.parent.as_ref().and_then(|parent| parent.function()),
            _ => None,
        }
    }

    /// The class around the method that this scope belongs to.
    pub fn enclosing_class(&self) -> Option<(&'a StmtClassDef, Rc<Frame<'a>>)> {
        let parent = self.parent.as_ref()?;
        match (self.kind, parent.kind) {
            (FrameKind::Function(_), FrameKind::Class(class)) => Some((class, Rc::clone(parent.parent.as_ref()?))),
            (FrameKind::Module, _) => None,
            _ => parent.enclosing_class(),
        }
    }
}
