//! `# noqa`: findings that somebody does not want to hear of.

use ferraio_report::Finding;
use ruff_python_ast::token::TokenKind;
use ruff_text_size::Ranged;

use crate::source::File;

/// The comments of a file that silence findings.
#[derive(Default)]
pub struct Silence {
    whole_file: Vec<Codes>,
    /// By line, from 1.
    lines: Vec<(usize, Codes)>,
}

/// What a comment silences.
enum Codes {
    All,
    These(Vec<String>),
}

impl Silence {
    /// Read the comments of a file.
    pub fn of(file: &File) -> Self {
        let mut silence = Self::default();
        if !file.text.contains("noqa") && !file.text.contains("NOQA") {
            return silence;
        }
        for token in file.parsed.tokens().iter().filter(|token| token.kind() == TokenKind::Comment) {
            let comment = file.slice(token.range()).trim_start_matches('#').trim();
            let lower = comment.to_ascii_lowercase();
            if let Some(rest) = lower.strip_prefix("ferraio: noqa").or_else(|| lower.strip_prefix("flake8: noqa")) {
                silence.whole_file.push(codes(rest));
            } else if let Some(at) = lower.find("noqa") {
                let before = lower[..at].trim_end();
                if before.is_empty() || before.ends_with('#') {
                    let line = file.place(token.range()).start().line;
                    silence.lines.push((line, codes(&lower[at + 4..])));
                }
            }
        }
        silence
    }

    /// Whether a finding is silenced: for the file, on its first line, or on its last.
    pub fn covers(&self, finding: &Finding) -> bool {
        let Some(code) = finding.code else { return false };
        let place = &finding.primary.place;
        let is_meant = |codes: &Codes| match codes {
            Codes::All => true,
            Codes::These(known) => known.iter().any(|known| known == code || known == finding.rule),
        };
        self.whole_file.iter().any(is_meant)
            || self
                .lines
                .iter()
                .any(|(line, codes)| (*line == place.start().line || *line == place.end().line) && is_meant(codes))
    }
}

/// The codes after the colon; without a colon it is all of them.
fn codes(rest: &str) -> Codes {
    match rest.trim_start().strip_prefix(':') {
        None => Codes::All,
        Some(list) => Codes::These(
            list.split(|c: char| c == ',' || c.is_whitespace())
                .take_while(|word| !word.starts_with('#'))
                .filter(|word| !word.is_empty())
                .map(|word| if word.starts_with("fer") { word.to_ascii_uppercase() } else { word.to_owned() })
                .collect(),
        ),
    }
}
