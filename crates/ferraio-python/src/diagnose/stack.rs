//! The stack of a thread that keeps the interpreter to itself, so that no Python code can look at it.
//!
//! Another thread reads it from the memory of the process (`ffi/frame_layout.rs` says where it is). The thread may go on
//! meanwhile, and what was read be half old and half new: so every address is read by the kernel, every object is known
//! by its type before it is believed, and a stack counts only if it is still the same when all of it has been read.

use std::path::Path;
use std::{env, fs};

use ferraio_core::line_table::{self, Position};
use ferraio_core::sys::memory;
use ferraio_report::{Finding, Label, Place, Severity, Source};

use crate::ffi::frame_layout::{bytes_type, code, code_type, frame, object, text, text_type};
use crate::ffi::thread::ThreadState;
use crate::ffi::{Obj, Result};

/// A frame of a program.
#[derive(Clone, PartialEq, Eq)]
pub struct Frame {
    pub filename: String,
    pub function: String,
    pub position: Position,
    /// Is it of a coroutine, or of an asynchronous generator?
    pub is_async: bool,
}

/// What a frame is about, as addresses.
#[derive(PartialEq, Eq)]
struct Executed {
    code: u64,
    instruction: u64,
}

/// The frames of the step that a thread is in, the innermost first; `None` if they cannot be read.
pub fn of_step(thread: ThreadState) -> Option<Vec<Frame>> {
    (0..TRIES).find_map(|_| {
        let executed = executed_by(thread)?;
        let mut frames = Vec::new();
        for each in &executed {
            let frame = each.read()?;
            if frame.is_the_loop() {
                break;
            }
            frames.push(frame);
        }
        (executed_by(thread)? == executed).then_some(frames)
    })
}

/// The stack of this thread, as [`of_step`] reads it; empty if it cannot.
pub fn of_this_thread() -> Vec<Frame> {
    of_step(ThreadState::current()).unwrap_or_default()
}

fn executed_by(thread: ThreadState) -> Option<Vec<Executed>> {
    let mut address = frame::FROM_THREAD.iter().try_fold(thread.0, |from, offset| pointer(from + offset))?;
    let mut executed = Vec::new();
    while address != 0 && executed.len() < MOST_FRAMES {
        let frame: [u8; frame::SIZE] = bytes(address)?;
        if frame::OWNERS_OF_PROGRAMS.contains(&frame[frame::OWNER]) {
            let code = pointer_in(&frame, frame::CODE) & !TAG;
            executed.push(Executed { code, instruction: pointer_in(&frame, frame::INSTRUCTION) });
        }
        address = pointer_in(&frame, frame::CALLER);
    }
    Some(executed)
}

impl Executed {
    fn read(&self) -> Option<Frame> {
        let object: [u8; code::SIZE] = bytes(self.code)?;
        if pointer_in(&object, object::TYPE) != code_type() {
            return None;
        }
        let table = read_bytes(pointer_in(&object, code::LINE_TABLE))?;
        let first_line = word_in(&object, code::FIRST_LINE) as i32;
        let unit = self.instruction.checked_sub(self.code + code::INSTRUCTIONS)? / code::UNIT;
        // What comes from no line, and what has not begun yet, is where the function begins.
        let line = u32::try_from(first_line).ok()?;
        let position = line_table::position(&table, first_line, usize::try_from(unit).ok()?).unwrap_or(Position {
            line,
            end_line: line,
            columns: None,
        });
        Some(Frame {
            filename: read_text(pointer_in(&object, code::FILENAME))?,
            function: read_text(pointer_in(&object, code::QUALIFIED_NAME))?,
            position,
            is_async: word_in(&object, code::FLAGS) & code::IS_ASYNC != 0,
        })
    }
}

fn read_text(address: u64) -> Option<String> {
    let head: [u8; text::SIZE] = bytes(address)?;
    if pointer_in(&head, object::TYPE) != text_type() {
        return None;
    }
    let state = word_in(&head, text::STATE);
    if state & text::IS_COMPACT == 0 {
        return None;
    }
    let width = (state >> text::WIDTH.start & ((1 << text::WIDTH.len()) - 1)) as usize;
    let begin = address + if state & text::IS_ASCII != 0 { text::ASCII } else { text::OTHER };
    let content = some_bytes(begin, (pointer_in(&head, text::LENGTH) as usize).checked_mul(width)?)?;
    let characters: Vec<u32> = match width {
        1 => content.iter().map(|&byte| byte.into()).collect(),
        2 => content.as_chunks().0.iter().map(|&unit| u16::from_ne_bytes(unit).into()).collect(),
        4 => content.as_chunks().0.iter().map(|&unit| u32::from_ne_bytes(unit)).collect(),
        _ => return None,
    };
    // File names may have surrogates, which are no characters.
    Some(characters.into_iter().map(|each| char::from_u32(each).unwrap_or(char::REPLACEMENT_CHARACTER)).collect())
}

fn read_bytes(address: u64) -> Option<Vec<u8>> {
    let head: [u8; object::BYTES as usize] = bytes(address)?;
    if pointer_in(&head, object::TYPE) != bytes_type() {
        return None;
    }
    some_bytes(address + object::BYTES, pointer_in(&head, object::LENGTH) as usize)
}

fn some_bytes(address: u64, length: usize) -> Option<Vec<u8>> {
    if length > MOST_BYTES {
        return None;
    }
    let mut content = vec![0; length];
    (length == 0 || memory::read(address, &mut content)).then_some(content)
}

fn bytes<const N: usize>(address: u64) -> Option<[u8; N]> {
    let mut content = [0; N];
    memory::read(address, &mut content).then_some(content)
}

fn pointer(address: u64) -> Option<u64> {
    bytes(address).map(u64::from_ne_bytes)
}

fn pointer_in(content: &[u8], at: usize) -> u64 {
    u64::from_ne_bytes(*content[at..].first_chunk().expect("the layout's offsets lie below its size"))
}

fn word_in(content: &[u8], at: usize) -> u32 {
    u32::from_ne_bytes(*content[at..].first_chunk().expect("the layout's offsets lie below its size"))
}

/// How often to try until the stack holds still.
const TRIES: usize = 3;
/// Of deeper stacks only the upper part is read.
const MOST_FRAMES: usize = 500;
/// Nothing that is longer is believed: a name, or a table of lines.
const MOST_BYTES: usize = 10_000_000;
/// Objects begin at multiples of 8: what is in these bits is not of the address.
const TAG: u64 = 7;

impl Frame {
    fn is_the_loop(&self) -> bool {
        self.filename.ends_with("/ferraio/_event_loop.py")
    }

    /// (file name, line, function, column, last line, last column, is it async).
    pub fn to_obj(&self) -> Result<Obj> {
        let Position { line, end_line, columns } = &self.position;
        let column = |column: Option<u32>| column.map_or_else(|| Ok(Obj::none()), |column| Obj::int(column.into()));
        Obj::tuple([
            Obj::str(&self.filename)?,
            Obj::int((*line).into())?,
            Obj::str(&self.function)?,
            column(columns.as_ref().map(|columns| columns.start))?,
            Obj::int((*end_line).into())?,
            column(columns.as_ref().map(|columns| columns.end))?,
            Obj::bool(self.is_async),
        ])
    }

    fn place(&self) -> Place {
        let text = fs::read(&self.filename).unwrap_or_default();
        let path = Path::new(&self.filename);
        let directory = env::current_dir().unwrap_or_default();
        let short = path.strip_prefix(directory).unwrap_or(path).to_string_lossy();
        let Position { line, end_line, columns } = &self.position;
        let columns = columns.as_ref().map(|columns| columns.start as usize..columns.end as usize);
        Source::new(short, String::from_utf8_lossy(&text)).place_at_lines(*line as usize..*end_line as usize, columns)
    }
}

/// Says in the chosen form where the loop is blocked, as `ferraio.diagnose.rendering` says it when Python code can run.
pub fn tell(frames: &[Frame], blocked_at: &Frame, what: &str, form: &str, colour: bool) -> String {
    let place = blocked_at.place();
    let call = call_at(&place);
    let by = call.as_ref().map(|call| format!(" by {}", shortened(&call.text))).unwrap_or_default();
    let title = format!("the event loop is blocked{by}: {what}");
    let mut finding = Finding::new("FER002", "blocked-loop", Severity::Warning, title, place);
    let callers = frames.iter().skip_while(|frame| !std::ptr::eq(*frame, blocked_at)).skip(1);
    finding.secondary =
        callers.map(|frame| Label { place: frame.place(), text: String::from("called here") }).collect();
    finding.notes.push(String::from("the interpreter is held meanwhile: no other thread can run Python code"));
    let pool = call.map_or_else(String::new, |call| format!(": `await loop.run_in_executor({})`", call.as_arguments()));
    finding.help = Some(format!("use a process pool{pool}; a thread would hold the interpreter as well"));
    match form {
        "json" => finding.to_json().to_string() + "\n",
        "concise" => finding.concise() + "\n",
        _ => finding.full(colour) + "\n\n",
    }
}

/// A call, as it is written.
struct Call {
    text: String,
    /// Where its arguments begin in the text.
    arguments: usize,
}

impl Call {
    /// What `run_in_executor` gets to make the same call in a pool of processes.
    fn as_arguments(&self) -> String {
        let (function, arguments) = self.text.split_at(self.arguments);
        let arguments = &arguments[1..arguments.len() - 1];
        let parts = ["pool", function, arguments.trim()];
        parts.into_iter().filter(|part| !part.is_empty()).collect::<Vec<_>>().join(", ")
    }
}

/// The call that stands at a place, if it is plain enough to be told without a parser.
fn call_at(place: &Place) -> Option<Call> {
    let text = place.source().text().get(place.range()).filter(|_| place.has_text())?;
    let text = text.split_whitespace().collect::<Vec<_>>().join(" ");
    let arguments = text.find('(')?;
    let is_name = |letter: char| letter.is_alphanumeric() || matches!(letter, '_' | '.');
    let is_plain = text[..arguments].chars().all(is_name) && text.ends_with(')') && arguments > 0;
    let open = |depth: usize, letter| match letter {
        '(' => Some(depth + 1),
        ')' => depth.checked_sub(1).filter(|&depth| depth > 0),
        _ => Some(depth),
    };
    let is_one = text[arguments..text.len() - 1].chars().try_fold(0, open) == Some(1);
    (is_plain && is_one).then_some(Call { text, arguments })
}

fn shortened(text: &str) -> String {
    match text.char_indices().nth(LONGEST_TEXT) {
        None => String::from(text),
        Some(_) => text.chars().take(LONGEST_TEXT - 1).chain(['…']).collect(),
    }
}

/// As in `ferraio.diagnose.blocking_call`.
const LONGEST_TEXT: usize = 50;
