//! The stack of a thread that keeps the interpreter to itself, so that no Python code can look at it.
//!
//! `faulthandler` (which `ferraio.diagnose.blocked_loop` registers) can write it from within a signal handler of that
//! very thread. Its format is `  File "NAME", line NUMBER in FUNCTION`, the innermost frame first.

use std::path::Path;
use std::{env, fs};

use ferraio_core::stack_dump::StackDump;
use ferraio_report::{Finding, Label, Severity, Source};

/// One line of a dump.
#[derive(Clone)]
pub struct Frame {
    pub filename: String,
    pub line: u32,
    pub function: String,
}

/// The frames of the step that a thread is in, the innermost first; `None` if it did not answer.
pub fn of_step(dump: &StackDump, thread: i32) -> Option<Vec<Frame>> {
    let text = dump.ask(thread, |text| text.ends_with('\n') && text.lines().any(is_end))?;
    Some(text.lines().take_while(|line| !is_end(line)).filter_map(Frame::parse).collect())
}

/// Below this frame is the loop itself; of very deep stacks we get the upper hundred frames.
fn is_end(line: &str) -> bool {
    line == "  ..." || Frame::parse(line).is_some_and(|frame| frame.is_the_loop())
}

impl Frame {
    fn parse(line: &str) -> Option<Self> {
        let (filename, rest) = line.strip_prefix("  File \"")?.rsplit_once("\", line ")?;
        let (line, function) = rest.split_once(" in ")?;
        Some(Self { filename: unescaped(filename), line: line.parse().ok()?, function: unescaped(function) })
    }

    fn is_the_loop(&self) -> bool {
        self.filename.ends_with("/ferraio/_event_loop.py")
    }
}

/// The text as it was before `faulthandler` wrote all that is not ASCII as `\xNN`, `\uNNNN` or `\UNNNNNNNN`.
fn unescaped(text: &str) -> String {
    let mut plain = String::new();
    let mut rest = text;
    while let Some((before, escape)) = rest.split_once('\\') {
        plain.push_str(before);
        let digits = match escape.as_bytes().first() {
            Some(b'x') => 2,
            Some(b'u') => 4,
            Some(b'U') => 8,
            _ => 0,
        };
        let code = escape.get(1..=digits).and_then(|digits| u32::from_str_radix(digits, 16).ok());
        match code.filter(|_| digits > 0).and_then(char::from_u32) {
            Some(letter) => {
                plain.push(letter);
                rest = &escape[1 + digits..];
            }
            None => {
                plain.push('\\');
                rest = escape;
            }
        }
    }
    plain.push_str(rest);
    plain
}

/// Says in the chosen form where the loop is blocked, as `ferraio.diagnose.rendering` says it when Python code can run.
pub fn tell(frames: &[Frame], place: &Frame, message: &str, form: &str, colour: bool) -> String {
    let directory = env::current_dir().unwrap_or_default();
    let place_of = |frame: &Frame| {
        let text = fs::read(&frame.filename).unwrap_or_default();
        let path = Path::new(&frame.filename);
        let short = path.strip_prefix(&directory).unwrap_or(path).to_string_lossy();
        let line = frame.line as usize;
        Source::new(short, String::from_utf8_lossy(&text)).place_at_lines(line..line, None)
    };
    let mut finding = Finding::new("FER002", "blocked-loop", Severity::Warning, message, place_of(place));
    let callers = frames.iter().skip_while(|frame| !std::ptr::eq(*frame, place)).skip(1);
    finding.secondary =
        callers.map(|frame| Label { place: place_of(frame), text: String::from("called here") }).collect();
    finding.notes.push(String::from(HOLDS_THE_INTERPRETER));
    match form {
        "json" => finding.to_json().to_string() + "\n",
        "concise" => finding.concise() + "\n",
        _ => finding.full(colour) + "\n\n",
    }
}

const HOLDS_THE_INTERPRETER: &str = "the interpreter is held meanwhile: no other thread can run Python code";
