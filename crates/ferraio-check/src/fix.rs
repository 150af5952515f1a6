//! Changes applied to a file: to its text, or to the cells of a notebook, and written as the file was.

use std::ops::Range;
use std::path::Path;

use ferraio_report::{Edit, Fix};

use crate::notebook;
use crate::source::{File, decode};

/// Apply fixes to a file as it was read. Tells its new bytes, and how many fixes are in them; nothing where there is
/// nothing to change, or where it would not be Python any more.
pub fn apply_to_file(path: &Path, bytes: Vec<u8>, fixes: &[&Fix]) -> Option<(Vec<u8>, usize)> {
    let (text, encoding) = decode(bytes).ok()?;
    let is_notebook = path.extension().is_some_and(|suffix| suffix == "ipynb");
    let (new, count) = if is_notebook { notebook::apply(&text, fixes)? } else { apply(&text, fixes.iter().copied()) };
    if new == text {
        return None;
    }
    let bytes = encoding.encode(&new)?;
    let file = File::from_bytes(path, String::new(), true, bytes.clone()).ok()?;
    file.parsed.errors().is_empty().then_some((bytes, count))
}

/// Apply what does not touch what has been applied before. Tells the new text, and how many fixes are in it.
pub fn apply<'f>(text: &str, fixes: impl Iterator<Item = &'f Fix>) -> (String, usize) {
    let mut edits: Vec<(Range<usize>, &str)> = Vec::new();
    let mut applied = 0;
    for fix in fixes {
        let is_known =
            |edit: &Edit| edits.iter().any(|(range, text)| *range == edit.place.range() && *text == edit.replacement);
        let is_free = |edit: &Edit| {
            let wanted = edit.place.range();
            edits.iter().all(|(range, _)| range.end < wanted.start || wanted.end < range.start)
        };
        if fix.edits.iter().all(|edit| is_known(edit) || is_free(edit)) {
            let new: Vec<_> = fix.edits.iter().filter(|edit| !is_known(edit)).collect();
            edits.extend(new.into_iter().map(|edit| (edit.place.range(), edit.replacement.as_str())));
            applied += 1;
        }
    }
    edits.sort_by_key(|(range, _)| (range.start, range.end));
    let mut result = String::with_capacity(text.len() + 16 * edits.len());
    let mut done = 0;
    for (range, replacement) in edits {
        result.push_str(&text[done..range.start]);
        result.push_str(replacement);
        done = range.end;
    }
    result.push_str(&text[done..]);
    (result, applied)
}
