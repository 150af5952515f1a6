//! What is known by name: builtins, and functions of the standard library whose source does not say what they give.

use std::rc::Rc;

use ruff_python_ast::Expr;

use super::Inference;
use super::annotation::last;
use super::call::Given;
use crate::program::Found;
use crate::types::{Argument, Class, Code, Coroutine, Frame, Function, Kind, Parameters, Type};

/// Decorators that leave a function what it is, for our purposes.
const TRANSPARENT: [&str; 14] = [
    "functools.wraps",
    "functools.update_wrapper",
    "functools.lru_cache",
    "functools.cache",
    "abc.abstractmethod",
    "typing.overload",
    "typing.override",
    "typing.final",
    "typing.no_type_check",
    "typing.deprecated",
    "warnings.deprecated",
    "builtins.staticmethod",
    "builtins.classmethod",
    "typing.runtime_checkable",
];

/// The name of a function, class or module with its module, wherever it is imported from.
pub fn full_name(value: &Type<'_>) -> Option<String> {
    match value {
        Type::Function(function) => Some(function.full_name()),
        Type::Class(class) => Some(class.full_name()),
        Type::External(name) => Some(name.to_string()),
        _ => None,
    }
}

/// The name of something of asyncio's, as its users know it: `create_task`, `TaskGroup.create_task`.
pub fn asyncio_name(value: &Type<'_>) -> Option<String> {
    match value {
        Type::Function(function) if is_asyncio(&function.frame.file.module) => Some(function.qualified_name()),
        Type::Class(class) if is_asyncio(&class.frame.file.module) => Some(class.definition.name.to_string()),
        Type::External(name) => name.strip_prefix("asyncio.").map(|name| {
            let parts: Vec<&str> = name.split('.').collect();
            let from = parts.iter().position(|part| part.starts_with(char::is_uppercase)).unwrap_or(parts.len() - 1);
            parts[from..].join(".")
        }),
        _ => None,
    }
}

fn is_asyncio(module: &str) -> bool {
    module == "asyncio" || module.starts_with("asyncio.")
}

impl<'a> Inference<'a, '_> {
    /// A decorator applied.
    pub(super) fn decorate(&self, decorator: &'a Expr, decorated: Type<'a>, frame: &Rc<Frame<'a>>) -> Type<'a> {
        let is_attribute_of_property = matches!(decorator, Expr::Attribute(attribute)
            if matches!(attribute.attr.as_str(), "setter" | "getter" | "deleter"));
        if is_attribute_of_property {
            return Type::Unknown;
        }
        if let Expr::Attribute(attribute) = callee_of(decorator)
            && matches!(&*attribute.value, Expr::Attribute(mark) if mark.attr.as_str() == "mark")
        {
            // pytest.mark.asyncio and its kin.
            return decorated;
        }
        let value = self.expression(decorator, frame);
        // Where types are checked it may be another than where the program runs; they do the same.
        let name = match &value.members()[0] {
            Type::External(name) | Type::Made(name) => Some(name.to_string().replace("typing_extensions.", "typing.")),
            _ => None,
        };
        match name.as_deref() {
            Some(name) if TRANSPARENT.contains(&name) => return decorated,
            Some("builtins.property" | "functools.cached_property" | "abc.abstractproperty" | "enum.property") => {
                return match decorated {
                    Type::Function(function) => Type::Property(function),
                    _ => Type::Unknown,
                };
            }
            _ => {}
        }
        self.call(&value, &[(None, Argument::Known(decorated))])
    }

    fn given(&self, given: &[Given<'a>], index: usize) -> Type<'a> {
        match given.get(index) {
            Some((None, argument)) => self.argument(argument),
            _ => Type::Unknown,
        }
    }

    /// What a function gives whose source does not say it.
    pub(super) fn known_result(&self, function: &Rc<Function<'a>>, given: &[Given<'a>]) -> Option<Type<'a>> {
        let file = function.frame.file;
        if is_asyncio(&file.module) {
            return self.asyncio_result(&function.qualified_name(), file, given);
        }
        if file.is_project {
            return None;
        }
        match (file.module.as_str(), function.name()) {
            ("contextlib", "asynccontextmanager") => Some(self.context(given, true)),
            ("contextlib", "contextmanager") => Some(self.context(given, false)),
            ("logging", "getLogger") => match self.member(file, "Logger") {
                Some(Type::Class(class)) => Some(Type::Instance(class)),
                _ => None,
            },
            ("warnings", "deprecated") => Some(Type::Identity),
            _ => None,
        }
    }

    fn asyncio_result(&self, name: &str, file: &'a crate::source::File, given: &[Given<'a>]) -> Option<Type<'a>> {
        let awaitable = |result: Type<'a>| Some(Type::Awaitable(Rc::new(result)));
        match last(name) {
            "create_task" | "ensure_future" | "shield" | "wrap_future" | "create_eager_task_factory" => {
                awaitable(self.awaited(&self.given(given, 0)))
            }
            "run_coroutine_threadsafe" => Some(Type::Unknown),
            "create_future" => awaitable(Type::Unknown),
            "run_in_executor" => awaitable(self.call(&self.given(given, 1), &[])),
            "gather" => {
                let is_plain = given.iter().all(|(name, _)| name.is_none());
                let results: Vec<Type<'a>> = if is_plain && given.len() <= 12 {
                    given.iter().map(|(_, argument)| self.awaited(&self.argument(argument))).collect()
                } else {
                    Vec::new()
                };
                let kind = if results.is_empty() { Kind::List } else { Kind::Tuple };
                let results = if results.is_empty() { vec![Type::Unknown] } else { results };
                awaitable(Type::Container(kind, results.into()))
            }
            "run" | "run_until_complete" => Some(self.awaited(&self.given(given, 0))),
            "get_running_loop" | "get_event_loop" | "new_event_loop" | "_get_running_loop" => {
                Some(self.asyncio_class(file, "events", "AbstractEventLoop"))
            }
            "get_loop" => Some(self.asyncio_class(file, "events", "AbstractEventLoop")),
            "current_task" => awaitable(Type::Unknown),
            "iscoroutine" | "iscoroutinefunction" | "isfuture" => Some(Type::Plain("bool")),
            _ => None,
        }
    }

    pub(super) fn asyncio_class(
        &self,
        from: &'a crate::source::File,
        module: &'static str,
        name: &'static str,
    ) -> Type<'a> {
        match self.program.import(from, 1, module) {
            Some(Found::File(file)) => match self.member(file, name) {
                Some(Type::Class(class)) => Type::Instance(class),
                _ => Type::Unknown,
            },
            _ => Type::Unknown,
        }
    }

    /// `@contextmanager` and `@asynccontextmanager`: what the generator yields comes out of `with`.
    fn context(&self, given: &[Given<'a>], is_async: bool) -> Type<'a> {
        let yielded = match self.given(given, 0) {
            Type::Function(function) => self.yielded(&function, &Parameters::default()),
            _ => Type::Unknown,
        };
        let context = if is_async { Type::AsyncContext(yielded.into()) } else { Type::Context(yielded.into()) };
        Type::Callable(context.into())
    }

    /// What awaiting the call of an asynchronous function gives whose source does not say it.
    pub(super) fn known_awaited(&self, function: &Rc<Function<'a>>, parameters: &Parameters<'a>) -> Option<Type<'a>> {
        let parameter = |name: &str| parameters.get(name).map_or(Type::Unknown, |argument| self.argument(argument));
        if function.frame.file.module == "contextlib" && function.name() == "enter_async_context" {
            return Some(self.entered(&parameter("cm"), true));
        }
        if !is_asyncio(&function.frame.file.module) {
            return None;
        }
        match function.name() {
            "wait_for" => Some(self.awaited(&parameter("fut"))),
            "to_thread" => Some(self.call(&parameter("func"), &[])),
            "sleep" => Some(parameter("result")),
            "start_server" | "start_unix_server" | "create_server" | "create_unix_server" => {
                Some(self.asyncio_class(function.frame.file, "base_events", "Server"))
            }
            _ if matches!(function.code, Code::Def(_))
                && function.qualified_name().starts_with("AbstractEventLoop.") =>
            {
                Some(Type::Unknown)
            }
            _ => None,
        }
    }

    /// What an object is whose class does not say it.
    pub(super) fn known_instance(&self, class: &Rc<Class<'a>>, given: &[Given<'a>]) -> Option<Type<'a>> {
        if class.frame.file.is_project {
            return None;
        }
        match class.full_name().as_str() {
            "asyncio.tasks.Task" => Some(Type::Awaitable(Rc::new(self.awaited(&self.given(given, 0))))),
            "contextlib.aclosing" => Some(Type::AsyncContext(Rc::new(self.given(given, 0)))),
            "asyncio.futures.Future" => Some(Type::Awaitable(Rc::new(Type::Unknown))),
            _ => None,
        }
    }

    /// What calling something gives that has no source.
    pub(super) fn known_external(&self, name: &Rc<str>, given: &[Given<'a>]) -> Type<'a> {
        if let Some(builtin) = name.strip_prefix("builtins.") {
            return self.known_builtin(builtin, name, given);
        }
        match &**name {
            "functools.partial" | "functools.partialmethod" => {
                Type::Callable(Rc::new(self.call(&self.given(given, 0), &given[given.len().min(1)..])))
            }
            "typing.cast" => match given.first() {
                Some((_, Argument::Given(annotation, frame))) => self.annotation_in(annotation, frame),
                _ => Type::Unknown,
            },
            "functools.update_wrapper" => self.given(given, 0),
            _ if name.starts_with("asyncio.") => self.external_asyncio(name, given),
            _ => Type::Made(Rc::clone(name)),
        }
    }

    /// asyncio without its source: what everybody calls.
    fn external_asyncio(&self, name: &Rc<str>, given: &[Given<'a>]) -> Type<'a> {
        let coroutine = |result: Type<'a>| Type::Coroutine(Rc::new(Coroutine::Giving(result)));
        match last(name) {
            "sleep"
            | "wait"
            | "open_connection"
            | "start_server"
            | "create_subprocess_exec"
            | "create_subprocess_shell" => coroutine(Type::Unknown),
            "wait_for" => coroutine(self.awaited(&self.given(given, 0))),
            "to_thread" => coroutine(self.call(&self.given(given, 0), &[])),
            "gather" | "create_task" | "ensure_future" | "shield" | "run_in_executor" => {
                Type::Awaitable(Rc::new(Type::Unknown))
            }
            "run" | "run_until_complete" => self.awaited(&self.given(given, 0)),
            "get_running_loop" | "get_event_loop" | "new_event_loop" => Type::Made("asyncio.AbstractEventLoop".into()),
            _ => Type::Made(Rc::clone(name)),
        }
    }

    fn known_builtin(&self, builtin: &str, name: &Rc<str>, given: &[Given<'a>]) -> Type<'a> {
        let first = || self.given(given, 0);
        let listed = |element: Type<'a>| Type::Container(Kind::List, [element].into());
        match builtin {
            "print" | "setattr" | "delattr" => Type::None,
            "len" | "int" | "hash" | "id" | "ord" | "round" => Type::Plain("int"),
            "str" | "repr" | "chr" | "ascii" | "format" | "input" | "bin" | "hex" | "oct" => Type::Plain("str"),
            "float" => Type::Plain("float"),
            "bool" | "isinstance" | "issubclass" | "callable" | "hasattr" | "any" | "all" => Type::Plain("bool"),
            "bytes" => Type::Plain("bytes"),
            "list" | "sorted" | "reversed" if !given.is_empty() => listed(self.iterated(&first(), false)),
            "set" | "frozenset" if !given.is_empty() => {
                Type::Container(Kind::Set, [self.iterated(&first(), false)].into())
            }
            "tuple" if !given.is_empty() => listed(self.iterated(&first(), false)),
            "iter" => Type::Container(Kind::Iterator, [self.iterated(&first(), false)].into()),
            "next" | "min" | "max" if given.len() == 1 => self.iterated(&first(), false),
            "enumerate" => {
                let pair = [Type::Plain("int"), self.iterated(&first(), false)];
                listed(Type::Container(Kind::Tuple, pair.into()))
            }
            "zip" => {
                let row = given.iter().map(|(_, argument)| self.iterated(&self.argument(argument), false)).collect();
                listed(Type::Container(Kind::Tuple, row))
            }
            "map" => {
                let element = self.iterated(&self.given(given, 1), false);
                let result = self.call(&first(), &[(None, Argument::Known(element))]);
                Type::Container(Kind::Iterator, [result].into())
            }
            "filter" => Type::Container(Kind::Iterator, [self.iterated(&self.given(given, 1), false)].into()),
            "type" if given.len() == 1 => match first() {
                Type::Instance(class) => Type::Class(class),
                _ => Type::Unknown,
            },
            "getattr" => match (first(), given.get(1)) {
                (object, Some((None, Argument::Given(Expr::StringLiteral(attribute), _)))) if given.len() == 2 => {
                    self.attribute(&object, attribute.value.to_str())
                }
                _ => Type::Unknown,
            },
            "anext" => match first() {
                Type::AsyncIterator(element) => Type::Coroutine(Rc::new(Coroutine::Giving((*element).clone()))),
                _ => Type::Unknown,
            },
            "open" => Type::Made(Rc::clone(name)),
            _ => Type::Unknown,
        }
    }

    /// What calling the result of something without source gives: decorators with arguments, mostly.
    pub(super) fn known_made(&self, name: &str, given: &[Given<'a>]) -> Type<'a> {
        match name {
            "functools.wraps" | "functools.lru_cache" => self.given(given, 0),
            _ => Type::Unknown,
        }
    }
}

/// `f` in `f(x)`, or the expression itself.
fn callee_of(expression: &Expr) -> &Expr {
    match expression {
        Expr::Call(call) => &call.func,
        other => other,
    }
}
