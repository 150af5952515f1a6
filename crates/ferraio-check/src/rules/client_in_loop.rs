#![doc = include_str!("../../../../docs/rules/FER106.md")]

use std::rc::Rc;

use ferraio_report::{Label, Severity};
use ruff_python_ast::ExprCall;
use ruff_text_size::{Ranged, TextRange};

use super::Rule;
use crate::check::{Checker, Site};
use crate::infer::full_name;
use crate::types::{Function, Parameters, Type};

/// A client with a pool of connections is made for each round of a loop.
pub const RULE: Rule = Rule {
    code: "FER106",
    name: "client-in-loop",
    severity: Severity::Warning,
    is_default: true,
    page: include_str!("../../../../docs/rules/FER106.md"),
};

/// Clients that keep connections, by the package and the class.
const CLIENTS: [(&str, &str); 16] = [
    ("httpx", "AsyncClient"),
    ("httpx", "Client"),
    ("httpx2", "AsyncClient"),
    ("httpx2", "Client"),
    ("aiohttp", "ClientSession"),
    ("openai", "AsyncOpenAI"),
    ("openai", "AsyncAzureOpenAI"),
    ("openai", "OpenAI"),
    ("anthropic", "AsyncAnthropic"),
    ("anthropic", "Anthropic"),
    ("requests", "Session"),
    ("motor", "AsyncIOMotorClient"),
    ("redis", "Redis"),
    ("asyncpg", "create_pool"),
    ("elasticsearch", "AsyncElasticsearch"),
    ("sqlalchemy", "create_async_engine"),
];

/// Look at a call in a loop.
pub fn call<'a>(checker: &mut Checker<'a, '_>, call: &'a ExprCall, callee: &Type<'a>, _site: &Site<'a>) {
    if let Some(client) = client(callee) {
        let mut finding = checker.finding(&RULE, call.range(), format!("a new `{client}` for each round of the loop"));
        finding.primary.text = "its connections are made anew each time: DNS, TCP, TLS".into();
        finding.help = Some("make one before the loop, and use it in all rounds".into());
        checker.report(finding);
        return;
    }
    let Type::Function(function) = callee else { return };
    let Some((client, range)) = made_inside(checker, function) else { return };
    let title = format!("`{}` makes a new `{client}` for each round of the loop", function.name());
    let mut finding = checker.finding(&RULE, call.range(), title);
    finding.primary.text = "its connections are made anew each time: DNS, TCP, TLS".into();
    finding.secondary.push(Label { place: function.frame.file.place(range), text: "made here".into() });
    finding.help = Some("make one before the loop, and give it to the function".into());
    checker.report(finding);
}

fn client(callee: &Type<'_>) -> Option<&'static str> {
    let name = full_name(callee)?;
    let (package, last) = (name.split('.').next()?, name.rsplit('.').next()?);
    CLIENTS.iter().find(|(from, class)| *from == package && *class == last).map(|(_, class)| *class)
}

/// The client that a function of the project makes whenever it is called.
fn made_inside<'a>(checker: &Checker<'a, '_>, function: &Rc<Function<'a>>) -> Option<(&'static str, TextRange)> {
    let definition = function.definition()?;
    if !function.frame.file.is_project {
        return None;
    }
    // One that is given back is made to be used, not to be thrown away.
    let mut calls = Vec::new();
    for statement in &definition.body {
        if let ruff_python_ast::Stmt::With(with) = statement {
            calls.extend(with.items.iter().filter_map(|item| item.context_expr.as_call_expr()));
        }
    }
    let frame = checker.infer.frame_of(function, Parameters::default());
    calls.into_iter().find_map(|call| Some((client(&checker.infer.expression(&call.func, &frame))?, call.range())))
}
