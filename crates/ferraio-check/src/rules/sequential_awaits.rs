#![doc = include_str!("../../../../docs/rules/FER107.md")]

use ferraio_report::Severity;
use ruff_python_ast::{Expr, Stmt};
use ruff_text_size::{Ranged, TextRange};

use super::Rule;
use crate::check::{Checker, Site};
use crate::tree::{Node, any_in_expression};
use crate::types::FrameKind;

/// Things are awaited one after the other that do not depend on each other.
pub const RULE: Rule = Rule {
    code: "FER107",
    name: "sequential-awaits",
    severity: Severity::Hint,
    is_default: false,
    page: include_str!("../../../../docs/rules/FER107.md"),
};

/// Look at the statements of a block.
pub fn block<'a>(checker: &mut Checker<'a, '_>, body: &'a [Stmt], site: &Site<'a>) {
    if !site.is_async || !matches!(site.frame.kind, FrameKind::Function(_)) {
        return;
    }
    let mut row: Vec<(&str, &Stmt)> = Vec::new();
    for statement in body {
        match awaited_into_name(statement) {
            Some((name, value)) if row.iter().all(|(earlier, _)| !mentions(value, earlier)) => {
                row.push((name, statement))
            }
            found => {
                report(checker, &row);
                row.clear();
                row.extend(found.map(|(name, _)| (name, statement)));
            }
        }
    }
    report(checker, &row);
}

/// `name = await call(…)`, where the call is no method: what has the same object may depend on the order.
fn awaited_into_name(statement: &Stmt) -> Option<(&str, &Expr)> {
    let Stmt::Assign(assign) = statement else { return None };
    let ([Expr::Name(name)], Expr::Await(awaited)) = (assign.targets.as_slice(), &*assign.value) else { return None };
    match &*awaited.value {
        Expr::Call(call) if call.func.is_name_expr() => Some((name.id.as_str(), &*awaited.value)),
        _ => None,
    }
}

fn mentions(value: &Expr, name: &str) -> bool {
    any_in_expression(value, |node| matches!(node, Node::Expr(Expr::Name(found)) if found.id == *name))
}

fn report(checker: &mut Checker<'_, '_>, row: &[(&str, &Stmt)]) {
    let [(_, first), .., (_, last)] = row else { return };
    let range = TextRange::new(first.start(), last.end());
    let title = format!("{} things are awaited one after the other", row.len());
    let mut finding = checker.finding(&RULE, range, title);
    finding.primary.text = "none of them needs the result of another".into();
    finding.help = Some("`await asyncio.gather(…)`, or tasks in an `asyncio.TaskGroup`, wait for all at once".into());
    checker.report(finding);
}
