#![doc = include_str!("../../../../docs/rules/FER003.md")]

use ferraio_report::{Edit, Fix, Label, Severity};
use ruff_text_size::{TextRange, TextSize};

use super::Rule;
use crate::check::{Checker, Site};
use crate::types::FrameKind;

/// `await` stands where no coroutine is.
pub const RULE: Rule = Rule {
    code: "FER003",
    name: "await-outside-async",
    severity: Severity::Error,
    is_default: true,
    page: include_str!("../../../../docs/rules/FER003.md"),
};

/// Look at `await`, `async for` or `async with`.
pub fn keyword<'a>(checker: &mut Checker<'a, '_>, keyword: &str, range: TextRange, site: &Site<'a>) {
    if site.is_async {
        return;
    }
    let spot = TextRange::at(range.start(), TextSize::of(keyword).min(range.len()));
    let mut frame = &site.frame;
    while let (FrameKind::Comprehension, Some(parent)) = (frame.kind, &frame.parent) {
        frame = parent;
    }
    match frame.kind {
        FrameKind::Function(function) => {
            let title = format!("`{keyword}` outside async function: `{}` is a plain `def`", function.name);
            let mut finding = checker.finding(&RULE, spot, title);
            finding.secondary.push(Label {
                place: checker.file.place(function.name.range),
                text: "this has to be `async def`".into(),
            });
            let text = checker.file.slice(TextRange::new(function.range.start(), function.name.range.start()));
            if let Some(offset) = text.rfind("def") {
                let at = function.range.start() + TextSize::try_from(offset).unwrap_or_default();
                let place = checker.file.place(TextRange::empty(at));
                let edits = vec![Edit { place, replacement: "async ".into() }];
                // Whoever calls it has to await it from now on.
                let title = "make it an async function, and await it where it is called".into();
                finding.fix = Some(Fix { title, edits, safe: false });
            }
            checker.report(finding);
        }
        FrameKind::Lambda => {
            let mut finding = checker.finding(&RULE, spot, format!("`{keyword}` in a lambda"));
            finding.help = Some("a lambda cannot be asynchronous; write an `async def`".into());
            checker.report(finding);
        }
        _ => {
            let mut finding = checker.finding(&RULE, spot, format!("`{keyword}` outside function"));
            finding.help = Some("put it into an `async def main()`, and start that with `asyncio.run(main())`".into());
            checker.report(finding);
        }
    }
}
