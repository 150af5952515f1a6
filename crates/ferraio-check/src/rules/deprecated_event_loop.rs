#![doc = include_str!("../../../../docs/rules/FER105.md")]

use ferraio_report::Severity;
use ruff_python_ast::{ExprCall, PythonVersion};
use ruff_text_size::Ranged;

use super::Rule;
use crate::check::{Checker, Site};
use crate::infer::asyncio_name;
use crate::types::Type;

/// A way to an event loop that Python gives up.
pub const RULE: Rule = Rule {
    code: "FER105",
    name: "deprecated-event-loop",
    severity: Severity::Warning,
    is_default: true,
    page: include_str!("../../../../docs/rules/FER105.md"),
};

/// Look at a call.
pub fn call<'a>(checker: &mut Checker<'a, '_>, call: &'a ExprCall, callee: &Type<'a>, site: &Site<'a>) {
    let Some(name) = asyncio_name(callee) else { return };
    let target = checker.target;
    let since_14 = target >= PythonVersion::PY314;
    let (said, help) = match name.as_str() {
        // In a coroutine it gives the running loop, in all versions.
        "get_event_loop" if !site.is_async && site.attempt.is_none() => (
            if since_14 {
                "raises RuntimeError since Python 3.14: no loop is running here"
            } else {
                "makes a loop that nobody closes; raises RuntimeError from Python 3.14 on"
            },
            "`asyncio.run(main())`, and `asyncio.get_running_loop()` in coroutines",
        ),
        "get_event_loop_policy" | "set_event_loop_policy" if since_14 => {
            ("deprecated since Python 3.14, and gone in 3.16", "`asyncio.run(main(), loop_factory=…)`")
        }
        "get_child_watcher" | "set_child_watcher" if since_14 => {
            ("gone since Python 3.14", "nothing: child processes need no watcher")
        }
        "get_child_watcher" | "set_child_watcher" if target >= PythonVersion::PY312 => {
            ("deprecated since Python 3.12, and gone in 3.14", "nothing: child processes need no watcher")
        }
        "iscoroutinefunction" if since_14 => {
            ("deprecated since Python 3.14, and gone in 3.16", "`inspect.iscoroutinefunction`")
        }
        _ => return,
    };
    let shown = checker.text(&*call.func);
    let mut finding = checker.finding(&RULE, call.range(), format!("`{shown}()` is on its way out"));
    finding.primary.text = said.into();
    finding.help = Some(help.into());
    checker.report(finding);
}
