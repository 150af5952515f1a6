//! A mistake, its place, what explains it, and what to write instead.

use crate::place::Place;

/// How bad it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Severity {
    /// The program is wrong.
    Error,
    /// The program is likely wrong, or slow.
    Warning,
    /// The program could be better.
    Hint,
}

/// A place with what there is to say of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Label {
    /// Where.
    pub place: Place,
    /// What; may be empty.
    pub text: String,
}

/// A piece of text in the place of another.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Edit {
    /// What is replaced.
    pub place: Place,
    /// By what.
    pub replacement: String,
}

/// The change that would mend it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fix {
    /// What the change does, as a demand: "add `await`".
    pub title: String,
    /// The change, in the order of the text.
    pub edits: Vec<Edit>,
    /// Whether it may be applied unseen.
    pub safe: bool,
}

/// A mistake that was found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// The stable code, `FER001`. Syntax errors have none.
    pub code: Option<&'static str>,
    /// The name of the rule, `never-awaited`.
    pub rule: &'static str,
    /// How bad it is.
    pub severity: Severity,
    /// What is wrong, in one line.
    pub title: String,
    /// The spot.
    pub primary: Label,
    /// Other places that explain it, the nearest first.
    pub secondary: Vec<Label>,
    /// What else is known.
    pub notes: Vec<String>,
    /// What to do, in words.
    pub help: Option<String>,
    /// What to do, as a change of the text.
    pub fix: Option<Fix>,
}

impl Finding {
    /// Describe a mistake. What explains it is added to the fields.
    #[must_use]
    pub fn new(
        code: &'static str,
        rule: &'static str,
        severity: Severity,
        title: impl Into<String>,
        place: Place,
    ) -> Self {
        Self {
            code: Some(code),
            rule,
            severity,
            title: title.into(),
            primary: Label { place, text: String::new() },
            secondary: Vec::new(),
            notes: Vec::new(),
            help: None,
            fix: None,
        }
    }

    /// Tell it in one line: `app.py:3:5: FER001 message`.
    #[must_use]
    pub fn concise(&self) -> String {
        match self.code {
            Some(code) => format!("{}: {code} {}", self.primary.place, self.title),
            None => format!("{}: {}: {}", self.primary.place, self.rule, self.title),
        }
    }
}

impl Severity {
    /// The word for it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Error => "error",
            Self::Warning => "warning",
            Self::Hint => "hint",
        }
    }
}
