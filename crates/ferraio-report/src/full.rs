//! A finding with its excerpt of the source, as rustc shows it.
//!
//! The renderer looks at all the text that it is given, so it is given the lines between the first and the last place
//! and no more; of a very long line it gets the surroundings of the place.

use std::ops::Range;
use std::sync::Arc;

use annotate_snippets::{Annotation, AnnotationKind, Element, Group, Level, Origin, Patch, Renderer, Snippet};

use crate::finding::{Edit, Finding, Fix, Label, Severity};
use crate::place::Source;

/// A longer line is shown in part.
const LONGEST_LINE: usize = 2000;
/// What is shown on both sides of a place in such a line.
const SURROUNDINGS: usize = 200;

impl Finding {
    /// Tell it with an excerpt of the source, with colours for terminals or without.
    #[must_use]
    pub fn full(&self, colour: bool) -> String {
        let level = match self.severity {
            Severity::Error => Level::ERROR,
            Severity::Warning => Level::WARNING,
            Severity::Hint => Level::INFO.with_name("hint"),
        };
        let mut title = level.primary_title(self.title.as_str());
        if let Some(code) = self.code {
            title = title.id(code);
        }
        let mut group = Group::with_title(title).elements(self.excerpts());
        for note in &self.notes {
            group = group.element(Level::NOTE.message(note.as_str()));
        }
        let mut report = vec![group];
        if let Some(help) = &self.help {
            report[0] = std::mem::replace(&mut report[0], Group::with_level(Level::HELP))
                .element(Level::HELP.message(help.as_str()));
        }
        if let Some(fix) = &self.fix {
            report.extend(patch(fix));
        }
        let renderer = if colour { Renderer::styled() } else { Renderer::plain() };
        renderer.render(&report)
    }

    /// The primary place with those in the same file, then the other files.
    fn excerpts(&self) -> Vec<Element<'_>> {
        let mut files: Vec<Vec<(AnnotationKind, &Label)>> = vec![vec![(AnnotationKind::Primary, &self.primary)]];
        for label in &self.secondary {
            let same = files.iter_mut().find(|file| file[0].1.place.source() == label.place.source());
            match same {
                Some(file) => file.push((AnnotationKind::Context, label)),
                None => files.push(vec![(AnnotationKind::Context, label)]),
            }
        }
        let mut elements: Vec<Element<'_>> = Vec::new();
        for file in &files {
            let (shown, bare): (Vec<_>, Vec<_>) = file.iter().partition(|(_, label)| label.place.has_text());
            if !shown.is_empty() {
                let places = shown.iter().map(|(_, label)| label.place.range());
                let excerpt = Excerpt::around(shown[0].1.place.source(), places);
                let annotations = shown.iter().map(|(kind, label)| {
                    let text = (!label.text.is_empty()).then_some(label.text.as_str());
                    kind.span(excerpt.inside(&label.place.range())).label(text)
                });
                elements.push(excerpt.snippet().annotations(annotations.collect::<Vec<Annotation<'_>>>()).into());
            }
            for (_, label) in bare {
                let start = label.place.start();
                let origin = Origin::path(label.place.source().path()).line(start.line).char_column(start.column);
                elements.push(origin.into());
                if !label.text.is_empty() {
                    elements.push(Level::NOTE.message(label.text.as_str()).into());
                }
            }
        }
        elements
    }
}

/// Show the lines as they should be.
fn patch(fix: &Fix) -> Option<Group<'_>> {
    let shown: Vec<&Edit> = fix.edits.iter().filter(|edit| edit.place.has_text()).collect();
    let source = shown.first()?.place.source();
    let excerpt = Excerpt::around(source, shown.iter().map(|edit| edit.place.range()));
    let patches = shown.iter().map(|edit| Patch::new(excerpt.inside(&edit.place.range()), edit.replacement.as_str()));
    let snippet = Snippet::source(excerpt.text).line_start(excerpt.first_line).patches(patches.collect::<Vec<_>>());
    Some(Level::HELP.secondary_title(fix.title.as_str()).element(snippet))
}

/// The part of a source that the renderer gets to see.
struct Excerpt<'a> {
    source: &'a Source,
    text: &'a str,
    offset: usize,
    first_line: usize,
}

impl<'a> Excerpt<'a> {
    fn around(source: &'a Arc<Source>, places: impl Iterator<Item = Range<usize>> + Clone) -> Self {
        let start = places.clone().map(|place| place.start).min().unwrap_or(0);
        let end = places.map(|place| place.end).max().unwrap_or(0);
        let (first, last) = (source.place(start..start).start().line, source.place(end..end).start().line);
        let (first_range, last_range) = (source.line_range(first), source.line_range(last));
        let text = source.text();
        let mut from = first_range.start;
        let mut to = last_range.end.max(end);
        if first_range.len() > LONGEST_LINE {
            from = text.ceil_char_boundary(start.saturating_sub(SURROUNDINGS).max(from));
        }
        if last_range.len() > LONGEST_LINE {
            to = text.floor_char_boundary((end + SURROUNDINGS).min(to)).max(end);
        }
        Self { source, text: &text[from..to], offset: from, first_line: first }
    }

    fn inside(&self, range: &Range<usize>) -> Range<usize> {
        range.start.saturating_sub(self.offset)..range.end.saturating_sub(self.offset)
    }

    fn snippet<T: Clone>(&self) -> Snippet<'a, T> {
        Snippet::source(self.text).path(self.source.path()).line_start(self.first_line)
    }
}
