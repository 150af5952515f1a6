//! A file with its text and its tree.
//!
//! Read as Python reads it: a byte order mark is skipped, a coding comment is followed, notebooks are their cells of
//! Python one after the other. What cannot be read is a sentence for the user, never a panic.

use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};

use ferraio_report::{Place, Source};
use ruff_python_ast::{ModModule, PySourceType};
use ruff_python_parser::{ParseOptions, Parsed, parse_cells_unchecked, parse_unchecked_source};
use ruff_text_size::TextRange;

use crate::notebook::{self, Cell};
use crate::program::package_of;

/// A larger file is not source code, and its tree would fill the memory.
const LARGEST: u64 = 64 << 20;
/// Code that could nest deeper is refused: freeing its tree is recursive. [`crate::STACK`] is enough for this.
const DEEPEST: usize = 1_000_000;

/// A file with its text and its tree.
pub struct File {
    /// Where it is.
    pub path: PathBuf,
    /// The folder from which it is imported.
    pub root: PathBuf,
    /// The path as the user gave it, for messages.
    pub name: String,
    /// The dotted name under which it is imported.
    pub module: String,
    /// Whether it is the `__init__` of its package.
    pub is_package: bool,
    /// Whether it is the user's own, and not the standard library's or an installed package's.
    pub is_project: bool,
    /// Whether it is source, a stub or a notebook.
    pub kind: PySourceType,
    /// The text; of a notebook its cells, each ending with a newline.
    pub text: String,
    /// The tree, as far as there is one.
    pub parsed: Parsed<ModModule>,
    /// The cells, if it is a notebook.
    pub cells: Vec<Cell>,
    source: OnceLock<Arc<Source>>,
}

impl File {
    /// Read and parse a file.
    pub fn read(path: &Path, name: String, is_project: bool) -> Result<Self, String> {
        let metadata = std::fs::metadata(path).map_err(|error| reason(&error))?;
        if metadata.len() > LARGEST {
            return Err(format!("larger than {} MiB", LARGEST >> 20));
        }
        let bytes = std::fs::read(path).map_err(|error| reason(&error))?;
        Self::from_bytes(path, name, is_project, bytes)
    }

    /// Parse what was read elsewhere.
    pub fn from_bytes(path: &Path, name: String, is_project: bool, bytes: Vec<u8>) -> Result<Self, String> {
        let kind = PySourceType::try_from_path(path).unwrap_or_default();
        let (mut text, _) = decode(bytes)?;
        let mut cells = Vec::new();
        if kind == PySourceType::Ipynb {
            (text, cells) = notebook::code(&text)?;
        }
        if nests_too_deep(&text) {
            return Err("nested too deep".into());
        }
        let parsed = if kind == PySourceType::Ipynb {
            let ranges = cells.iter().map(|cell| cell.range);
            parse_cells_unchecked(&text, ranges, &ParseOptions::from(PySourceType::Ipynb))
        } else {
            parse_unchecked_source(&text, kind)
        };
        let is_package = path.file_stem().is_some_and(|stem| stem == "__init__");
        let (root, module) = package_of(path);
        let path = path.to_path_buf();
        let source = OnceLock::new();
        Ok(Self { path, root, name, module, is_package, is_project, kind, text, parsed, cells, source })
    }

    /// Whether `await` may stand outside of functions.
    #[must_use]
    pub fn is_notebook(&self) -> bool {
        self.kind == PySourceType::Ipynb
    }

    /// The text of a range.
    #[must_use]
    pub fn slice(&self, range: TextRange) -> &str {
        &self.text[range]
    }

    /// Name a range for a reader: in the file, or in the cell.
    #[must_use]
    pub fn place(&self, range: TextRange) -> Place {
        let cell = self.cells.iter().find(|cell| cell.range.contains_inclusive(range.start()));
        if let Some(cell) = cell {
            let text = &self.text[cell.range];
            let offset = cell.range.start().to_usize();
            let source = Source::new(self.name.clone() + &notebook::cell_name(cell.number), text);
            return source.place(range.start().to_usize() - offset..range.end().to_usize() - offset);
        }
        self.source().place(range.start().to_usize()..range.end().to_usize())
    }

    /// The file as findings show it.
    pub fn source(&self) -> &Arc<Source> {
        self.source.get_or_init(|| Source::new(self.name.as_str(), self.text.as_str()))
    }
}

fn reason(error: &std::io::Error) -> String {
    let text = error.to_string();
    text.split(" (os error").next().unwrap_or(&text).to_owned()
}

/// How the text of a file is written in bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Encoding {
    /// As it is.
    Utf8,
    /// With a byte order mark in front, which is no part of the text.
    MarkedUtf8,
    /// A byte for each character.
    Latin1,
}

impl Encoding {
    /// Write a text back as its file has it; nothing if it has characters that the encoding lacks.
    pub fn encode(self, text: &str) -> Option<Vec<u8>> {
        match self {
            Self::Utf8 => Some(text.into()),
            Self::MarkedUtf8 => Some([BYTE_ORDER_MARK, text.as_bytes()].concat()),
            Self::Latin1 => text.chars().map(|character| u8::try_from(character).ok()).collect(),
        }
    }
}

const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";

/// Turn bytes into text as PEP 263 has it, and tell how to turn it back.
pub fn decode(bytes: Vec<u8>) -> Result<(String, Encoding), String> {
    if bytes.starts_with(&[0xff, 0xfe]) || bytes.starts_with(&[0xfe, 0xff]) {
        return Err("encoded as UTF-16; Python reads UTF-8".into());
    }
    if let Some(rest) = bytes.strip_prefix(BYTE_ORDER_MARK) {
        return match std::str::from_utf8(rest) {
            Ok(text) => Ok((text.to_owned(), Encoding::MarkedUtf8)),
            Err(error) => Err(not_utf8(rest, error)),
        };
    }
    match String::from_utf8(bytes) {
        Ok(text) => Ok((text, Encoding::Utf8)),
        Err(error) => {
            let (error, bytes) = (error.utf8_error(), error.into_bytes());
            match coding(&bytes).as_deref() {
                Some("latin-1" | "latin1" | "iso-8859-1" | "iso8859-1" | "iso-latin-1" | "l1" | "8859") => {
                    Ok((bytes.iter().map(|&byte| char::from(byte)).collect(), Encoding::Latin1))
                }
                Some("utf-8" | "utf8") | None => Err(not_utf8(&bytes, error)),
                Some(other) => Err(format!("encoded as {other}, which is not read here; save it as UTF-8")),
            }
        }
    }
}

fn not_utf8(bytes: &[u8], error: std::str::Utf8Error) -> String {
    let line = bytes[..error.valid_up_to()].iter().filter(|&&byte| byte == b'\n').count() + 1;
    format!("not UTF-8, from line {line}")
}

/// The encoding that a comment in the first two lines names.
fn coding(bytes: &[u8]) -> Option<String> {
    bytes.split(|&byte| byte == b'\n').take(2).find_map(|line| {
        let line = String::from_utf8_lossy(line);
        let (_, named) = line.trim_start().strip_prefix('#')?.split_once("coding")?;
        let named = named.strip_prefix([':', '='])?.trim_start();
        let end = named.find(|c: char| !(c.is_ascii_alphanumeric() || "-_.".contains(c))).unwrap_or(named.len());
        Some(named[..end].to_ascii_lowercase().replace('_', "-"))
    })
}

/// Whether one statement could nest deeper than the stack allows. Each level needs one of these characters (or a word);
/// they are counted in strings and comments too, which only matters to files that are not programs.
fn nests_too_deep(text: &str) -> bool {
    if text.len() <= DEEPEST {
        return false;
    }
    let mut brackets = 0_usize;
    let mut levels = 0_usize;
    for byte in text.bytes() {
        match byte {
            b'(' | b'[' | b'{' => brackets += 1,
            b')' | b']' | b'}' => brackets = brackets.saturating_sub(1),
            b'-' | b'~' | b'+' | b'.' | b'*' | b' ' => {}
            b'\n' if brackets == 0 => {
                levels = 0;
                continue;
            }
            _ => continue,
        }
        levels += 1;
        if levels > DEEPEST {
            return true;
        }
    }
    false
}
