//! The Python in a notebook: its code cells, one after the other. And how changes get back into the cells.

use ferraio_report::{Edit, Fix};
use ruff_text_size::{TextRange, TextSize};
use serde::Serialize;
use serde_json::Value;
use serde_json::ser::{PrettyFormatter, Serializer};

/// A code cell of a notebook.
pub struct Cell {
    /// Its number among all cells, from 1.
    pub number: usize,
    /// Its text within the text of all.
    pub range: TextRange,
}

/// These magics are followed by Python; what follows others is another language.
const PYTHON_MAGICS: [&str; 5] = ["%%time", "%%timeit", "%%capture", "%%prun", "%%python3"];

/// Take the Python out of a notebook. The cells are separated by a newline.
pub fn code(json: &str) -> Result<(String, Vec<Cell>), String> {
    let notebook: Value = serde_json::from_str(json).map_err(|error| format!("not a notebook: {error}"))?;
    let metadata = &notebook["metadata"];
    let language = metadata["language_info"]["name"].as_str().or(metadata["kernelspec"]["language"].as_str());
    let cells = notebook["cells"].as_array().ok_or("not a notebook: it has no cells")?;
    let mut text = String::new();
    let mut found = Vec::new();
    if language.is_some_and(|language| language != "python") {
        return Ok((text, found));
    }
    for (index, cell) in cells.iter().enumerate() {
        if cell["cell_type"] != "code" {
            continue;
        }
        let Some(lines) = source(cell) else { continue };
        let magic = lines.split_whitespace().next().unwrap_or_default();
        if magic.starts_with("%%") && !PYTHON_MAGICS.contains(&magic) {
            continue;
        }
        if !text.is_empty() || !found.is_empty() {
            text.push('\n');
        }
        let start = text.len();
        text.push_str(lines.trim_end_matches(['\r', '\n']));
        found.push(Cell { number: index + 1, range: TextRange::new(size(start), size(text.len())) });
    }
    text.push('\n');
    Ok((text, found))
}

/// How a cell is named in messages, after the name of the notebook.
pub fn cell_name(number: usize) -> String {
    format!(":cell {number}")
}

/// Apply fixes, whose places are in the cells. Tells the new notebook, written as Jupyter does, and how many fixes are
/// in it.
pub fn apply(json: &str, fixes: &[&Fix]) -> Option<(String, usize)> {
    let mut notebook: Value = serde_json::from_str(json).ok()?;
    let mut applied = 0;
    for (index, cell) in notebook["cells"].as_array_mut()?.iter_mut().enumerate() {
        let name = cell_name(index + 1);
        let is_here = |edit: &Edit| edit.place.source().path().ends_with(&name);
        // What a fix changes in other cells, such as an import, is applied there.
        let parts: Vec<Fix> = fixes
            .iter()
            .filter(|fix| fix.edits.iter().any(is_here))
            .map(|fix| Fix {
                edits: fix.edits.iter().filter(|edit| is_here(edit)).cloned().collect(),
                ..(*fix).clone()
            })
            .collect();
        let (false, Some(text)) = (parts.is_empty(), source(cell)) else { continue };
        let (new, count) = crate::fix::apply(&text, parts.iter());
        let begun_elsewhere =
            fixes.iter().filter(|fix| fix.edits.iter().any(is_here) && !fix.edits.last().is_some_and(is_here));
        applied += count.saturating_sub(begun_elsewhere.count());
        cell["source"] =
            if cell["source"].is_array() { new.split_inclusive('\n').map(Value::from).collect() } else { new.into() };
    }
    let second_line = json.lines().nth(1).unwrap_or_default();
    let indent = &second_line[..second_line.len() - second_line.trim_start().len()];
    let mut bytes = Vec::new();
    let written = if json.trim_end().contains('\n') {
        notebook.serialize(&mut Serializer::with_formatter(&mut bytes, PrettyFormatter::with_indent(indent.as_bytes())))
    } else {
        notebook.serialize(&mut Serializer::new(&mut bytes))
    };
    written.ok()?;
    let mut new = String::from_utf8(bytes).ok()?;
    if json.ends_with('\n') {
        new.push('\n');
    }
    Some((new, applied))
}

/// The text of a cell.
fn source(cell: &Value) -> Option<String> {
    match &cell["source"] {
        Value::String(text) => Some(text.clone()),
        Value::Array(lines) => Some(lines.iter().filter_map(Value::as_str).collect()),
        _ => None,
    }
}

fn size(offset: usize) -> TextSize {
    // Files are smaller than this, so what is taken out of them is.
    TextSize::try_from(offset).unwrap_or_default()
}
