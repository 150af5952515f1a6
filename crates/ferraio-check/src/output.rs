//! Findings as text, for people and for programs.

use std::fmt::Write;

use ferraio_report::{Finding, Severity};
use serde_json::{Value, json};

use crate::rules::RULES;

/// The formats, by the names that ruff gives them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum Format {
    /// With an excerpt of the source.
    #[default]
    Full,
    /// One line for each.
    Concise,
    /// A list of objects.
    Json,
    /// Annotations of GitHub's.
    Github,
    /// The format of static analysers.
    Sarif,
}

impl Format {
    /// Find a format by its name.
    pub fn named(name: &str) -> Option<Self> {
        Some(match name {
            "full" => Self::Full,
            "concise" => Self::Concise,
            "json" => Self::Json,
            "github" => Self::Github,
            "sarif" => Self::Sarif,
            _ => return None,
        })
    }
}

/// Write the findings.
pub fn render(findings: &[Finding], format: Format, colour: bool) -> String {
    match format {
        Format::Full => findings.iter().map(|finding| finding.full(colour) + "\n\n").collect(),
        Format::Concise => findings.iter().map(|finding| finding.concise() + "\n").collect(),
        Format::Json => pretty(&findings.iter().map(object).collect()),
        Format::Github => findings.iter().map(github).collect(),
        Format::Sarif => pretty(&sarif(findings)),
    }
}

fn pretty(value: &Value) -> String {
    format!("{value:#}\n")
}

/// With the address of the page, as far as there is one.
fn object(finding: &Finding) -> Value {
    let mut object = finding.to_json();
    object["url"] = finding.code.map_or(Value::Null, |code| page(code).into());
    object
}

fn page(code: &str) -> String {
    format!("{}/blob/main/docs/rules/{code}.md", env!("CARGO_PKG_REPOSITORY"))
}

fn github(finding: &Finding) -> String {
    let place = &finding.primary.place;
    let kind = if finding.severity == Severity::Error { "error" } else { "warning" };
    let mut line = String::new();
    // Writing to a string cannot fail.
    let _ = writeln!(
        line,
        "::{kind} title=ferraio ({}),file={},line={},col={},endLine={},endColumn={}::{}",
        finding.code.unwrap_or(finding.rule),
        escape(place.source().path()),
        place.start().line,
        place.start().column,
        place.end().line,
        place.end().column,
        escape(&finding.concise()),
    );
    line
}

fn escape(text: &str) -> String {
    text.replace('%', "%25").replace('\r', "%0D").replace('\n', "%0A")
}

fn sarif(findings: &[Finding]) -> Value {
    let rules: Vec<Value> = RULES
        .iter()
        .map(|rule| {
            json!({
                "id": rule.code,
                "name": rule.name,
                "helpUri": page(rule.code),
                "shortDescription": { "text": rule.name },
                "fullDescription": { "text": rule.page, "markdown": rule.page },
            })
        })
        .collect();
    let results: Vec<Value> = findings
        .iter()
        .map(|finding| {
            let place = &finding.primary.place;
            json!({
                "ruleId": finding.code.unwrap_or(finding.rule),
                "level": match finding.severity {
                    Severity::Error => "error",
                    Severity::Warning => "warning",
                    Severity::Hint => "note",
                },
                "message": { "text": finding.title },
                "locations": [{
                    "physicalLocation": {
                        "artifactLocation": { "uri": place.source().path() },
                        "region": {
                            "startLine": place.start().line,
                            "startColumn": place.start().column,
                            "endLine": place.end().line,
                            "endColumn": place.end().column,
                        },
                    },
                }],
            })
        })
        .collect();
    json!({
        "$schema": "https://json.schemastore.org/sarif-2.1.0.json",
        "version": "2.1.0",
        "runs": [{
            "tool": {
                "driver": {
                    "name": "ferraio",
                    "version": env!("CARGO_PKG_VERSION"),
                    "informationUri": env!("CARGO_PKG_REPOSITORY"),
                    "rules": rules,
                },
            },
            "results": results,
        }],
    })
}
