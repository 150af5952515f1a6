//! How a finding reads, whoever found it: the checker before the program runs, or the loop while it runs.
//!
//! A [`Finding`] is a mistake at a [`Place`] in a [`Source`], with what explains it and what to write instead. It is
//! shown in full (an excerpt with the spot underlined), concise (one line) or as JSON. Whatever the source looks like
//! (tabs, wide characters, a line of a megabyte, no text at all), there is something to show and nothing panics.

mod finding;
mod full;
mod json;
mod place;

pub use finding::{Edit, Finding, Fix, Label, Severity};
pub use place::{Place, Position, Source};
