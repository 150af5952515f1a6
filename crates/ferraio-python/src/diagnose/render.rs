//! `_ferraio._render`: the text of a finding, by ferraio-report.

use std::ops::Range;
use std::sync::{Arc, Mutex, PoisonError};

use ferraio_report::{Finding, Label, Severity, Source};

use crate::error::Error;
use crate::ffi::{Args, Obj, Result};

/// `_render(form, code, rule, severity, message, places, notes, help, colour)`; the first place is the spot.
pub fn render(args: Args<'_>) -> Result<Obj> {
    let [form, code, rule, severity, message, places, notes, help, colour] = args.positional else {
        return Err(Error::type_("_render() takes 9 arguments"));
    };
    let mut labels = Vec::new();
    places.for_each(|place| {
        labels.push(read_place(&place, &labels)?);
        Ok(())
    })?;
    if labels.is_empty() {
        return Err(Error::type_("_render() needs a place"));
    }
    let mut finding = Finding {
        code: Some(kept(code.as_text()?)),
        rule: kept(rule.as_text()?),
        severity: match severity.as_text()?.as_str() {
            "error" => Severity::Error,
            "hint" => Severity::Hint,
            _ => Severity::Warning,
        },
        title: message.as_text()?,
        primary: labels.remove(0),
        secondary: labels,
        notes: Vec::new(),
        help: if help.is_none() { None } else { Some(help.as_text()?) },
        fix: None,
    };
    notes.for_each(|note| {
        finding.notes.push(note.as_text()?);
        Ok(())
    })?;
    Obj::str(&match form.as_text()?.as_str() {
        "json" => finding.to_json().to_string(),
        "concise" => finding.concise(),
        _ => finding.full(colour.truth()?),
    })
}

/// Reads (file name, text, first line, last line, column, end column, label); the columns may be None.
fn read_place(place: &Obj, before: &[Label]) -> Result<Label> {
    let [path, text, line, end_line, column, end_column, label] = place.tuple_items() else {
        return Err(Error::type_("a place has 7 items"));
    };
    let path = path.as_text()?;
    let known = before.iter().map(|label| label.place.source()).find(|source| source.path() == path);
    let source = match known {
        Some(source) => Arc::clone(source),
        None => Source::new(path, text.as_text()?),
    };
    let (line, end_line) = (number(line)?, number(end_line)?);
    let columns = if column.is_none() || end_column.is_none() {
        None
    } else {
        Some(Range { start: number(column)?, end: number(end_column)? })
    };
    Ok(Label { place: source.place_at_lines(line..end_line, columns), text: label.as_text()? })
}

fn number(value: &Obj) -> Result<usize> {
    Ok(usize::try_from(value.as_i64()?).unwrap_or(0))
}

/// The same text, for ever. There are as many as there are codes and names of rules.
fn kept(text: String) -> &'static str {
    static KEPT: Mutex<Vec<&'static str>> = Mutex::new(Vec::new());
    let mut kept = KEPT.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(known) = kept.iter().find(|known| **known == text) {
        return known;
    }
    kept.push(text.leak());
    kept[kept.len() - 1]
}
