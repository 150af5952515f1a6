//! A finding as a JSON object. The keys that ruff has too mean what they mean there.

use serde_json::{Value, json};

use crate::finding::{Edit, Finding, Fix, Label};
use crate::place::{Place, Position};

impl Finding {
    /// Tell it to a program.
    #[must_use]
    pub fn to_json(&self) -> Value {
        let place = &self.primary.place;
        json!({
            "code": self.code,
            "name": self.rule,
            "severity": self.severity.name(),
            "message": self.title,
            "filename": place.source().path(),
            "location": position(place.start()),
            "end_location": position(place.end()),
            "label": text(&self.primary.text),
            "related": self.secondary.iter().map(label).collect::<Vec<_>>(),
            "notes": self.notes,
            "help": self.help,
            "fix": self.fix.as_ref().map(fix),
        })
    }
}

fn text(text: &str) -> Option<&str> {
    (!text.is_empty()).then_some(text)
}

fn position(position: Position) -> Value {
    json!({ "row": position.line, "column": position.column })
}

fn label(label: &Label) -> Value {
    located(&label.place, "message", text(&label.text))
}

fn located(place: &Place, key: &str, said: Option<&str>) -> Value {
    json!({
        "filename": place.source().path(),
        "location": position(place.start()),
        "end_location": position(place.end()),
        key: said,
    })
}

fn fix(fix: &Fix) -> Value {
    json!({
        "applicability": if fix.safe { "safe" } else { "unsafe" },
        "message": fix.title,
        "edits": fix.edits.iter().map(edit).collect::<Vec<_>>(),
    })
}

fn edit(edit: &Edit) -> Value {
    located(&edit.place, "content", Some(&edit.replacement))
}
