//! Where something is: a file, and a range of its text.
//!
//! Places are made from offsets into the text (the checker has a tree) or from lines and columns (a running program
//! has `co_positions()`). Either may lie outside of the text, which may have changed since or be gone: then the place
//! is the nearest one that exists, and the line that was asked for is still the line that is named.

use std::ops::Range;
use std::sync::Arc;

/// A file that findings point into.
#[derive(Debug, PartialEq, Eq)]
pub struct Source {
    path: String,
    text: String,
    /// The offset at which each line begins; the first is 0.
    line_starts: Vec<usize>,
}

/// A line and a column, both counted from 1; columns count characters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Position {
    /// The line, from 1.
    pub line: usize,
    /// The column in characters, from 1.
    pub column: usize,
}

/// A range of a source, for a reader.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    source: Arc<Source>,
    range: Range<usize>,
    start: Position,
    end: Position,
}

impl Source {
    /// Describe a file with its text.
    #[must_use]
    pub fn new(path: impl Into<String>, text: impl Into<String>) -> Arc<Self> {
        let text = text.into();
        let bytes = text.as_bytes();
        let line_starts = std::iter::once(0)
            .chain((1..=bytes.len()).filter(|&end| match bytes[end - 1] {
                b'\n' => true,
                b'\r' => bytes.get(end) != Some(&b'\n'),
                _ => false,
            }))
            .collect();
        let path = path.into();
        Arc::new(Self { path, text, line_starts })
    }

    /// Describe code whose text nobody has: `exec`, a frozen program.
    #[must_use]
    pub fn without_text(path: impl Into<String>) -> Arc<Self> {
        Self::new(path, "")
    }

    /// The name of the file, as users know it.
    #[must_use]
    pub fn path(&self) -> &str {
        &self.path
    }

    /// The text of the file; empty if nobody has it.
    #[must_use]
    pub fn text(&self) -> &str {
        &self.text
    }

    /// Name a range of bytes of the text.
    #[must_use]
    pub fn place(self: &Arc<Self>, range: Range<usize>) -> Place {
        let start = self.text.floor_char_boundary(range.start);
        let end = self.text.ceil_char_boundary(range.end).max(start);
        Place { start: self.position(start), end: self.position(end), range: start..end, source: Arc::clone(self) }
    }

    /// Name a place as Python's `co_positions()` has it: lines from 1, columns in bytes from 0. Without columns it is
    /// all that the lines say.
    #[must_use]
    pub fn place_at_lines(self: &Arc<Self>, lines: Range<usize>, columns: Option<Range<usize>>) -> Place {
        if lines.start == 0 || lines.start > self.line_starts.len() || self.text.is_empty() {
            let column = columns.map_or(1, |columns| columns.start + 1);
            let start = Position { line: lines.start.max(1), column };
            return Place { source: Arc::clone(self), range: 0..0, start, end: start };
        }
        let first = self.line_range(lines.start);
        let last = self.line_range(lines.end.clamp(lines.start, self.line_starts.len()));
        match columns {
            Some(columns) => {
                let start = (first.start + columns.start).min(first.end);
                self.place(start..(last.start + columns.end).min(last.end))
            }
            None => {
                let said = &self.text[first.start..last.end];
                let indent = said.len() - said.trim_start().len();
                self.place(first.start + indent..first.start + said.trim_end().len().max(indent))
            }
        }
    }

    /// The bytes of a line, without its end. Lines that do not exist are the last one.
    pub(crate) fn line_range(&self, line: usize) -> Range<usize> {
        let index = line.clamp(1, self.line_starts.len()) - 1;
        let start = self.line_starts[index];
        let end = self.line_starts.get(index + 1).copied().unwrap_or(self.text.len());
        let content = self.text[start..end].trim_end_matches(['\r', '\n']);
        start..start + content.len()
    }

    fn position(&self, offset: usize) -> Position {
        let line = self.line_starts.partition_point(|&start| start <= offset);
        let column = self.text[self.line_starts[line - 1]..offset].chars().count() + 1;
        Position { line, column }
    }
}

impl Place {
    /// The file.
    #[must_use]
    pub fn source(&self) -> &Arc<Source> {
        &self.source
    }

    /// The bytes of the text; empty at 0 where there is no such text.
    #[must_use]
    pub fn range(&self) -> Range<usize> {
        self.range.clone()
    }

    /// Where it begins.
    #[must_use]
    pub fn start(&self) -> Position {
        self.start
    }

    /// The column where it begins as Python has it: in bytes, from 0.
    #[must_use]
    pub fn column_in_bytes(&self) -> usize {
        self.range.start - self.source.line_range(self.start.line).start.min(self.range.start)
    }

    /// Where it ends.
    #[must_use]
    pub fn end(&self) -> Position {
        self.end
    }

    /// Whether there is text to show.
    #[must_use]
    pub fn has_text(&self) -> bool {
        !self.source.text.is_empty() && self.source.position(self.range.start) == self.start
    }
}

impl std::fmt::Display for Place {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "{}:{}:{}", self.source.path, self.start.line, self.start.column)
    }
}
