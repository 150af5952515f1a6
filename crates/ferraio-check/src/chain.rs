//! What a function leads to: which of the functions that it calls, directly or through others, blocks, runs a loop or
//! needs one.
//!
//! Only the project's own synchronous functions are followed. A function that asks whether a loop is running is taken
//! to know what it does.

use std::rc::Rc;

use ruff_python_ast::{Expr, ExprCall, StmtFunctionDef};
use ruff_text_size::{Ranged, TextRange};
use rustc_hash::FxHashMap;

use crate::infer::{Inference, asyncio_name, full_name};
use crate::rules::blocking_call;
use crate::source::File;
use crate::tree::{Node, any_in_body, each_call};
use crate::types::{Function, Parameters, Type};

/// What a function may lead to.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum End {
    /// A call that blocks the thread.
    Blocks,
    /// `asyncio.run` and its kin.
    RunsLoop,
    /// `asyncio.create_task` and what else needs a running loop.
    NeedsLoop,
}

/// A call on the way.
#[derive(Clone)]
pub struct Step<'a> {
    /// The file in which the call stands.
    pub file: &'a File,
    /// The call.
    pub range: TextRange,
    /// What is called, as it is written.
    pub callee: String,
}

/// The ways that have been found, by function.
#[derive(Default)]
pub struct Chains<'a> {
    known: FxHashMap<(usize, End), Option<Rc<[Step<'a>]>>>,
}

/// A longer way is not worth telling.
const LONGEST: usize = 8;

impl<'a> Chains<'a> {
    /// Find the way from a function to such an end: the calls, the last one being the end.
    pub fn from(&mut self, infer: &Inference<'a, '_>, function: &Rc<Function<'a>>, end: End) -> Option<Rc<[Step<'a>]>> {
        self.search(infer, function, end, 0)
    }

    fn search(
        &mut self,
        infer: &Inference<'a, '_>,
        function: &Rc<Function<'a>>,
        end: End,
        depth: usize,
    ) -> Option<Rc<[Step<'a>]>> {
        let definition = function.definition()?;
        let is_followed = function.frame.file.is_project && !definition.is_async && !infer.is_generator(definition);
        if !is_followed || depth > LONGEST {
            return None;
        }
        let key = (std::ptr::from_ref(definition) as usize, end);
        if let Some(known) = self.known.get(&key) {
            return known.clone();
        }
        // While it is searched, coming back to it leads nowhere.
        self.known.insert(key, None);
        let found = self.search_body(infer, function, definition, end, depth);
        self.known.insert(key, found.clone());
        found
    }

    fn search_body(
        &mut self,
        infer: &Inference<'a, '_>,
        function: &Rc<Function<'a>>,
        definition: &'a StmtFunctionDef,
        end: End,
        depth: usize,
    ) -> Option<Rc<[Step<'a>]>> {
        let mut calls = Vec::new();
        // Who blocks in some cases blocks; who runs a loop in some cases may know when.
        each_call(&definition.body, end != End::Blocks, &mut calls);
        if end == End::RunsLoop && is_guarded(definition) {
            return None;
        }
        let frame = infer.frame_of(function, Parameters::default());
        let file = function.frame.file;
        let step = |call: &'a ExprCall| Step {
            file,
            range: call.range(),
            callee: crate::check::shorten(file.slice(call.func.range())),
        };
        let mut inner = Vec::new();
        for call in calls {
            let callee = infer.expression(&call.func, &frame);
            if is_end(&callee, call, end) {
                return Some([step(call)].into());
            }
            if let Some(next) = entered(infer, &callee) {
                inner.push((call, next));
            }
        }
        inner.into_iter().find_map(|(call, next)| {
            let rest = self.search(infer, &next, end, depth + 1)?;
            Some(std::iter::once(step(call)).chain(rest.iter().cloned()).collect())
        })
    }
}

/// The function that a call runs: the function itself, or the constructor of a class of the project.
pub fn entered<'a>(infer: &Inference<'a, '_>, callee: &Type<'a>) -> Option<Rc<Function<'a>>> {
    match callee {
        Type::Function(function) => Some(Rc::clone(function)),
        Type::Class(class) if class.frame.file.is_project => {
            match infer.attribute(&Type::Instance(Rc::clone(class)), "__init__") {
                Type::Function(init) => Some(init),
                _ => None,
            }
        }
        _ => None,
    }
}

/// Whether a call is such an end.
pub fn is_end(callee: &Type<'_>, call: &ExprCall, end: End) -> bool {
    match end {
        End::Blocks => blocking_call::blocks_for_long(callee, call),
        End::RunsLoop => runs_loop(callee),
        End::NeedsLoop => asyncio_name(callee).is_some_and(|name| {
            matches!(name.as_str(), "create_task" | "ensure_future" | "get_running_loop" | "current_task")
        }),
    }
}

/// Whether calling this runs an event loop until something is done.
pub fn runs_loop(callee: &Type<'_>) -> bool {
    match asyncio_name(callee) {
        Some(name) => matches!(
            name.as_str(),
            "run"
                | "Runner.run"
                | "AbstractEventLoop.run_until_complete"
                | "BaseEventLoop.run_until_complete"
                | "AbstractEventLoop.run_forever"
                | "BaseEventLoop.run_forever"
        ),
        None => full_name(callee).is_some_and(|name| {
            matches!(
                name.as_str(),
                "uvloop.run"
                    | "anyio.run"
                    | "anyio._core._eventloop.run"
                    | "ferraio.run"
                    | "ferraio._run.run"
                    | "trio.run"
            )
        }),
    }
}

/// Whether a function asks whether a loop is running.
fn asks_for_loop(call: &ExprCall) -> bool {
    let name = match &*call.func {
        Expr::Name(name) => name.id.as_str(),
        Expr::Attribute(attribute) => attribute.attr.as_str(),
        _ => return false,
    };
    matches!(name, "is_running" | "_get_running_loop" | "current_async_library" | "get_running_loop" | "apply")
        || name.contains("in_event_loop")
}

/// Whether a body asks for the running loop, to do something else if there is one.
pub fn is_guarded(definition: &StmtFunctionDef) -> bool {
    any_in_body(&definition.body, |node| matches!(node, Node::Expr(Expr::Call(call)) if asks_for_loop(call)))
}
