//! The rules, one file each. The first lines of each are the page that users read.

pub mod async_without_await;
pub mod await_outside_async;
pub mod blocking_call;
pub mod client_in_loop;
pub mod deprecated_event_loop;
pub mod dropped_task;
pub mod gather_exceptions;
pub mod gather_of_list;
pub mod nested_run;
pub mod never_awaited;
pub mod no_running_loop;
pub mod not_awaitable;
pub mod run_in_library;
pub mod sequential_awaits;
pub mod sleep_polling;
pub mod swallowed_cancel;
pub mod sync_lock_across_await;

use ferraio_report::Severity;
use ruff_python_ast::{Expr, ExprCall};

use crate::check::{Checker, Site};

/// A rule: a mistake with a name, a code and a page.
#[derive(Debug)]
pub struct Rule {
    /// The stable code, `FER001`; where the loop reports the same mistake, it does so with this code.
    pub code: &'static str,
    /// The name, `never-awaited`.
    pub name: &'static str,
    /// How bad it is.
    pub severity: Severity,
    /// Whether it is looked for unless the configuration says otherwise.
    pub is_default: bool,
    /// The page for users, in Markdown.
    pub page: &'static str,
}

/// All rules, by code.
pub const RULES: [&Rule; 17] = [
    &never_awaited::RULE,
    &blocking_call::RULE,
    &await_outside_async::RULE,
    &nested_run::RULE,
    &no_running_loop::RULE,
    &dropped_task::RULE,
    &gather_exceptions::RULE,
    &gather_of_list::RULE,
    &swallowed_cancel::RULE,
    &run_in_library::RULE,
    &sync_lock_across_await::RULE,
    &sleep_polling::RULE,
    &async_without_await::RULE,
    &deprecated_event_loop::RULE,
    &client_in_loop::RULE,
    &sequential_awaits::RULE,
    &not_awaitable::RULE,
];

/// Find a rule by its code or its name.
pub fn find(code_or_name: &str) -> Option<&'static Rule> {
    RULES.into_iter().find(|rule| rule.code.eq_ignore_ascii_case(code_or_name) || rule.name == code_or_name)
}

/// Names that some rule wants to look at where they are called outside of asynchronous functions. Working out what is
/// called takes time, and most calls are of no interest to anybody.
const NAMES: [&str; 40] = [
    "run",
    "run_until_complete",
    "run_forever",
    "create_task",
    "ensure_future",
    "gather",
    "wait",
    "as_completed",
    "get_event_loop",
    "get_running_loop",
    "set_event_loop",
    "get_child_watcher",
    "set_child_watcher",
    "get_event_loop_policy",
    "set_event_loop_policy",
    "iscoroutinefunction",
    "call_soon",
    "call_later",
    "call_at",
    "call_soon_threadsafe",
    "add_signal_handler",
    "add_reader",
    "add_writer",
    "run_in_executor",
    "to_thread",
    "add_done_callback",
    "Thread",
    "Timer",
    "submit",
    "register",
    "signal",
    "filter",
    "sorted",
    "sort",
    "shield",
    "wait_for",
    "current_task",
    "run_coroutine_threadsafe",
    "timeout",
    "Runner",
];

/// What the rules have to say of a call.
pub fn call<'a>(checker: &mut Checker<'a, '_>, call: &'a ExprCall, site: &Site<'a>) {
    let name = match &*call.func {
        Expr::Name(name) => name.id.as_str(),
        Expr::Attribute(attribute) => attribute.attr.as_str(),
        _ => "",
    };
    if !checker.has_async {
        return;
    }
    let takes_coroutine = never_awaited::has_call_among_arguments(call);
    if !site.is_async && !takes_coroutine && !NAMES.contains(&name) && !site.is_module_level() {
        return;
    }
    let callee = checker.infer.expression(&call.func, &site.frame);
    if takes_coroutine {
        never_awaited::arguments(checker, call, &callee, site);
    }
    never_awaited::callback(checker, call, &callee, site);
    gather_of_list::call(checker, call, &callee, site);
    not_awaitable::argument(checker, call, &callee, site);
    deprecated_event_loop::call(checker, call, &callee, site);
    if site.is_async {
        blocking_call::call(checker, call, &callee, site);
        nested_run::call(checker, call, &callee, site);
    } else {
        run_in_library::call(checker, call, &callee, site);
        no_running_loop::call(checker, call, &callee, site);
    }
    if site.loops > 0 {
        client_in_loop::call(checker, call, &callee, site);
    }
}

/// The value of an argument: by its place or by its name.
pub fn argument<'a>(call: &'a ExprCall, index: usize, name: &str) -> Option<&'a Expr> {
    call.arguments.find_argument_value(name, index)
}
