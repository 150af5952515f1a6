//! The Python in a notebook: its code cells, one after the other.

use ruff_text_size::{TextRange, TextSize};
use serde_json::Value;

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
        let lines = match &cell["source"] {
            Value::String(text) => text.clone(),
            Value::Array(lines) => lines.iter().filter_map(Value::as_str).collect(),
            _ => continue,
        };
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

fn size(offset: usize) -> TextSize {
    // Files are smaller than this, so what is taken out of them is.
    TextSize::try_from(offset).unwrap_or_default()
}
