//! Coroutines given to what has no use for them: functions that want a value, functions that want a plain function,
//! and annotations that say something else.

use std::rc::Rc;

use ruff_python_ast::{Expr, ExprCall, Stmt, StmtFunctionDef};
use ruff_text_size::Ranged;

use super::looked_at::{Held, is_only_looked_at};
use super::{RULE, finding, shown, with_await};
use crate::check::{Checker, Site};
use crate::infer::{asyncio_name, full_name};
use crate::rules::argument;
use crate::tree::{Node, any_in_body};
use crate::types::{Class, Function, Parameters, Type};

/// Functions that look at their arguments and keep none.
const CONSUMERS: [&str; 31] = [
    "builtins.SystemExit",
    "sys.exit",
    "builtins.exit",
    "builtins.divmod",
    "builtins.print",
    "builtins.str",
    "builtins.len",
    "builtins.int",
    "builtins.float",
    "builtins.list",
    "builtins.tuple",
    "builtins.set",
    "builtins.dict",
    "builtins.sorted",
    "builtins.sum",
    "builtins.min",
    "builtins.max",
    "builtins.any",
    "builtins.all",
    "builtins.enumerate",
    "builtins.zip",
    "builtins.bool",
    "builtins.bytes",
    "builtins.abs",
    "builtins.round",
    "builtins.range",
    "builtins.format",
    "builtins.repr",
    "json.dumps",
    "json.dump",
    "json.loads",
];

/// Whether something is called among the arguments, so that a coroutine may be among them.
pub fn has_call_among_arguments(call: &ExprCall) -> bool {
    call.arguments.args.iter().any(|argument| argument.is_call_expr() || elements(argument).is_some())
        || call.arguments.keywords.iter().any(|keyword| keyword.value.is_call_expr())
}

/// Look at the arguments of a call.
pub fn arguments<'a>(checker: &mut Checker<'a, '_>, call: &'a ExprCall, callee: &Type<'a>, site: &Site<'a>) {
    if site.expects_warnings {
        return;
    }
    let consumes = full_name(callee).is_some_and(|name| consumes(&name)) || is_str_format(call);
    let function = match callee {
        Type::Function(function) => Some(Rc::clone(function)),
        Type::Class(_) => match checker.infer.attribute(&instance(callee), "__init__") {
            Type::Function(init) => Some(init),
            _ => None,
        },
        _ => None,
    };
    if !consumes && function.is_none() {
        return;
    }
    let positional = call.arguments.args.iter().enumerate().map(|(index, value)| (Some(index), None, value));
    let named = call.arguments.keywords.iter().map(|keyword| (None, keyword.arg.as_ref(), &keyword.value));
    for (index, name, value) in positional.chain(named) {
        if consumes && let Some(elements) = elements(value) {
            for element in elements {
                argument_is_consumed(checker, call, element, None, site);
            }
        }
        if !value.is_call_expr() {
            continue;
        }
        let wanted = function
            .as_ref()
            .and_then(|function| parameter_refuses(checker, function, index, name.map(|name| name.as_str())));
        if !consumes && wanted.is_none() {
            continue;
        }
        argument_is_consumed(checker, call, value, wanted, site);
    }
}

fn argument_is_consumed<'a>(
    checker: &mut Checker<'a, '_>,
    call: &'a ExprCall,
    value: &'a Expr,
    parameter: Option<&str>,
    site: &Site<'a>,
) {
    let made = if value.is_call_expr() { checker.infer.expression(value, &site.frame) } else { Type::Unknown };
    if !made.is_coroutine() {
        return;
    }
    let said = match parameter {
        Some(parameter) => format!("`{parameter}` gets a coroutine, not its result"),
        None => format!("`{}` gets a coroutine, not its result", checker.text(&*call.func)),
    };
    let found = finding(checker, value, &made, &said, site);
    let found = with_await(checker, found, value, &made, false, site);
    checker.report(found);
}

/// Whether a function looks at its arguments and keeps none.
fn consumes(name: &str) -> bool {
    CONSUMERS.contains(&name)
        || ["logging.", "math."].iter().any(|prefix| name.starts_with(prefix))
        || (name.contains("TestCase.assert") && !name.contains("Raises") && !name.contains("assertIs"))
}

/// Whether a function looks at what is under a name, and hands nothing of it on.
pub fn is_looker(name: &str, held: Held) -> bool {
    let hands_on = [
        "builtins.list",
        "builtins.tuple",
        "builtins.set",
        "builtins.dict",
        "builtins.sorted",
        "builtins.min",
        "builtins.max",
        "builtins.enumerate",
        "builtins.zip",
    ];
    consumes(name) && (held == Held::Coroutine || !hands_on.contains(&name))
}

/// What is in a display.
pub fn elements(value: &Expr) -> Option<Vec<&Expr>> {
    Some(match value {
        Expr::List(list) => list.elts.iter().collect(),
        Expr::Tuple(tuple) => tuple.elts.iter().collect(),
        Expr::Set(set) => set.elts.iter().collect(),
        Expr::Dict(dict) => dict.items.iter().map(|item| &item.value).collect(),
        _ => return None,
    })
}

fn instance<'a>(class: &Type<'a>) -> Type<'a> {
    match class {
        Type::Class(class) => Type::Instance(Rc::clone(class)),
        other => other.clone(),
    }
}

/// The parameter that gets an argument, if it is certain that a coroutine is not what it is for: by its annotation, or
/// because the function only looks at it.
fn parameter_refuses<'a>(
    checker: &Checker<'a, '_>,
    function: &Rc<Function<'a>>,
    index: Option<usize>,
    name: Option<&str>,
) -> Option<&'a str> {
    let definition = function.definition()?;
    let parameters = &definition.parameters;
    let mut positional = parameters.posonlyargs.iter().chain(&parameters.args);
    let parameter = match (index, name) {
        (Some(index), _) => positional.nth(index + usize::from(function.receiver.is_some()))?,
        (None, Some(name)) => {
            parameters.iter_non_variadic_params().find(|parameter| parameter.name().as_str() == name)?
        }
        (None, None) => return None,
    };
    let name = parameter.name().as_str();
    let Some(annotation) = parameter.parameter.annotation.as_deref() else {
        return only_looks_at(checker, function, definition, name).then_some(name);
    };
    let declared = checker.infer.annotation_in(annotation, &function.frame);
    refuses(checker, &declared).then_some(name)
}

/// Whether a function of the project does nothing with a parameter but look at it. A method may be another one in a
/// class below, so that nothing is certain of it.
fn only_looks_at<'a>(
    checker: &Checker<'a, '_>,
    function: &Rc<Function<'a>>,
    definition: &'a StmtFunctionDef,
    parameter: &str,
) -> bool {
    function.frame.file.is_project
        && function.receiver.is_none()
        && definition.decorator_list.is_empty()
        && is_only_looked_at(
            checker,
            &definition.body,
            parameter,
            Held::Coroutine,
            &checker.infer.frame_of(function, Parameters::default()),
        )
}

/// Whether a coroutine is certainly not what an annotation means.
fn refuses<'a>(checker: &Checker<'a, '_>, declared: &Type<'a>) -> bool {
    declared.members().iter().all(|member| match member {
        Type::Plain(_) | Type::Container(..) | Type::None => true,
        Type::Instance(class) => is_ordinary(checker, class, 0),
        _ => false,
    }) && !matches!(declared, Type::None)
}

/// Whether everything is known of a class, and it is no protocol and nothing to await.
fn is_ordinary<'a>(checker: &Checker<'a, '_>, class: &Rc<Class<'a>>, depth: usize) -> bool {
    if depth > 10 || class.frame.file.module.starts_with("asyncio") {
        return false;
    }
    let has_await = class
        .definition
        .body
        .iter()
        .any(|statement| matches!(statement, Stmt::FunctionDef(method) if method.name.as_str() == "__await__"));
    !has_await
        && checker.infer.base_classes(class).iter().all(|base| match base {
            Type::Class(base) => is_ordinary(checker, base, depth + 1),
            Type::External(name) => {
                matches!(&**name, "builtins.object" | "typing.Generic" | "abc.ABC" | "builtins.dict" | "builtins.str")
                    || matches!(&**name, "typing.NamedTuple" | "typing.TypedDict" | "builtins.Exception" | "enum.Enum")
            }
            _ => false,
        })
}

/// `return value` in an asynchronous function that says what it returns. A plain one that returns a coroutine against
/// its annotation is mostly meant so: its callers await what they get.
pub fn returned<'a>(checker: &mut Checker<'a, '_>, value: &'a Expr, site: &Site<'a>) {
    if let Some(function) = site.function()
        && (function.is_async || is_only_return(function))
        && let Some(annotation) = &function.returns
    {
        annotated(checker, annotation, value, site);
    }
}

fn is_only_return(function: &StmtFunctionDef) -> bool {
    let mut count = 0;
    any_in_body(&function.body, |node| {
        count += usize::from(matches!(node, Node::Stmt(Stmt::Return(_))));
        false
    });
    count == 1
}

/// `name: annotation = value`, and whatever else an annotation is about.
pub fn annotated<'a>(checker: &mut Checker<'a, '_>, annotation: &'a Expr, value: &'a Expr, site: &Site<'a>) {
    if !value.is_call_expr() || site.expects_warnings {
        return;
    }
    let declared = checker.infer.annotation_in(annotation, &site.frame);
    if !refuses(checker, &declared) {
        return;
    }
    let made = checker.infer.expression(value, &site.frame);
    if made.is_coroutine() {
        let said = format!("a coroutine, where `{}` is promised", checker.text(annotation));
        let found = finding(checker, value, &made, &said, site);
        let found = with_await(checker, found, value, &made, false, site);
        checker.report(found);
    }
}

/// `"…".format(…)`, which looks at what it is given.
pub fn is_str_format(call: &ExprCall) -> bool {
    matches!(&*call.func, Expr::Attribute(attribute)
        if attribute.attr.as_str() == "format" && attribute.value.is_string_literal_expr())
}

/// Look at a call that takes a plain function and calls it: an `async def` would be called and dropped.
pub fn callback<'a>(checker: &mut Checker<'a, '_>, call: &'a ExprCall, callee: &Type<'a>, site: &Site<'a>) {
    let Some(value) = plain_function(call, callee) else { return };
    if let Expr::Lambda(lambda) = value {
        crate::rules::dropped_task::dropped(checker, &lambda.body, site);
    }
    let given = checker.infer.expression(value, &site.frame);
    let is_made = given.is_coroutine() && value.is_call_expr();
    let is_async = given.function().is_some_and(|function| {
        function.definition().is_some_and(|definition| definition.is_async && !checker.infer.is_generator(definition))
    }) || lambda_makes_coroutine(checker, &given);
    if !is_made && !is_async {
        return;
    }
    let what = checker.text(value);
    let callee_text = checker.text(&*call.func);
    let mut found = if is_made {
        let mut found = finding(checker, value, &given, "this is a coroutine, not a function", site);
        found.title = format!("`{what}` is never awaited");
        found
    } else {
        let title = format!("`{what}` is never awaited when `{callee_text}` calls it");
        let mut found = checker.finding(&RULE, value.range(), title);
        found.primary.text = "calling this makes a coroutine, which is dropped".into();
        found
    };
    found.help = Some(match call.func.as_ref() {
        Expr::Attribute(attribute) if attribute.attr.as_str().starts_with("call_") => {
            let coroutine = match value {
                Expr::Lambda(lambda) => checker.text(&*lambda.body),
                _ if is_made => what,
                _ => format!("{what}({})", arguments_after(checker, call, value)),
            };
            format!("give it a plain function that starts a task: `lambda: asyncio.create_task({coroutine})`")
        }
        _ => {
            format!("`{}` wants a plain function; await the `async def` itself, or start a task", shown(checker, call))
        }
    });
    checker.report(found);
}

/// The text of what a callback is to be called with.
fn arguments_after(checker: &Checker<'_, '_>, call: &ExprCall, callback: &Expr) -> String {
    let after = call.arguments.args.iter().skip_while(|argument| !std::ptr::eq(*argument, callback)).skip(1);
    after.map(|argument| checker.text(argument)).collect::<Vec<_>>().join(", ")
}

fn lambda_makes_coroutine<'a>(checker: &Checker<'a, '_>, given: &Type<'a>) -> bool {
    matches!(given, Type::Function(function) if function.definition().is_none())
        && checker.infer.call(given, &[]).is_coroutine()
}

/// The argument that is a plain function to be called, if the callee is known to take one.
fn plain_function<'a>(call: &'a ExprCall, callee: &Type<'a>) -> Option<&'a Expr> {
    let at = |index: usize, name: &str| argument(call, index, name);
    if let Some(name) = asyncio_name(callee) {
        return match name.rsplit('.').next()? {
            "call_soon" | "call_soon_threadsafe" => at(0, "callback"),
            "call_later" | "call_at" | "add_signal_handler" | "add_reader" | "add_writer" => at(1, "callback"),
            "run_in_executor" => at(1, "func"),
            "to_thread" => at(0, "func"),
            "add_done_callback" => at(0, "fn"),
            _ => None,
        };
    }
    match full_name(callee)?.as_str() {
        "threading.Thread" | "multiprocessing.Process" | "multiprocessing.context.Process" => at(1, "target"),
        "threading.Timer" => at(1, "function"),
        "atexit.register" => at(0, "func"),
        "contextlib._BaseExitStack.callback" | "contextlib.AsyncExitStack.callback" => at(0, "callback"),
        "signal.signal" => at(1, "handler"),
        "builtins.filter" => at(0, "function"),
        "builtins.sorted" | "builtins.min" | "builtins.max" => call.arguments.find_keyword("key").map(|key| &key.value),
        "concurrent.futures.thread.ThreadPoolExecutor.submit"
        | "concurrent.futures.process.ProcessPoolExecutor.submit"
        | "concurrent.futures._base.Executor.submit" => at(0, "fn"),
        _ => None,
    }
}
