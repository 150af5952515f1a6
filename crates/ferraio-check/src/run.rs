//! One run: the files are read in parallel, then checked in parallel.

use std::path::{Path, PathBuf};

use ferraio_report::{Finding, Label, Severity, Source};
use rayon::prelude::*;
use ruff_python_ast::PythonVersion;
use ruff_text_size::Ranged;
use rustc_hash::FxHashSet as HashSet;

use crate::check::check;
use crate::config::{Config, Overrides};
use crate::environment::Environment;
use crate::noqa::Silence;
use crate::program::{Program, Storage};
use crate::source::File;

/// What to check, and against what.
pub struct Task {
    /// The files, each with the name that messages give it.
    pub files: Vec<(PathBuf, String)>,
    /// Where the project's modules begin.
    pub roots: Vec<PathBuf>,
    /// Where the standard library and the installed packages are.
    pub libraries: Vec<PathBuf>,
    /// The Python that the code is for.
    pub target: PythonVersion,
    /// The text of the only file, if it comes from somewhere else.
    pub text: Option<Vec<u8>>,
}

/// What came out of one file.
pub struct Checked {
    /// The file.
    pub path: PathBuf,
    /// What was found and not silenced, by all rules.
    pub findings: Vec<Finding>,
}

/// Check files, and tell which file was asked for by which.
pub fn run(task: &Task) -> (Vec<Checked>, HashSet<(PathBuf, PathBuf)>) {
    with_stack(|| run_here(task))
}

/// Do something that may go deep: freeing a tree is recursive, too.
pub fn with_stack<T: Send>(work: impl FnOnce() -> T + Send) -> T {
    std::thread::scope(|scope| {
        let thread = std::thread::Builder::new().stack_size(crate::STACK).spawn_scoped(scope, work);
        match thread.map(std::thread::ScopedJoinHandle::join) {
            Ok(Ok(result)) => result,
            Ok(Err(panic)) => std::panic::resume_unwind(panic),
            Err(error) => panic!("no thread can be started: {error}"),
        }
    })
}

fn run_here(task: &Task) -> (Vec<Checked>, HashSet<(PathBuf, PathBuf)>) {
    let storage = Storage::default();
    let program = Program::new(&storage, task.roots.clone(), task.libraries.clone());
    let work = || {
        let read_one = |(path, name): &(PathBuf, String)| match &task.text {
            Some(bytes) => program.take(path, name.clone(), bytes.clone()),
            None => program.read(path, name.clone()),
        };
        let read: Vec<Result<&File, String>> = task.files.par_iter().map(read_one).collect();
        let pairs = task.files.par_iter().zip(&read).with_max_len(8);
        pairs
            .map(|((path, name), read)| Checked {
                path: path.clone(),
                findings: match read {
                    Ok(file) => findings(&program, file, task.target),
                    Err(reason) => vec![unreadable(name, reason)],
                },
            })
            .collect()
    };
    let threads = rayon::ThreadPoolBuilder::new().stack_size(crate::STACK).build();
    let checked = match threads {
        Ok(threads) => threads.install(work),
        Err(_) => work(),
    };
    let asked = program.asked();
    drop(program);
    // Freeing hundreds of megabytes of trees takes as long as a tenth of the run; nobody has to wait for it.
    let _freeing = std::thread::Builder::new().stack_size(crate::STACK).spawn(move || drop(storage));
    (checked, asked)
}

/// Tell what is certainly wrong with a script that is about to run: awaits that are missing, or misplaced. What it
/// imports is read as far as that needs. The project's configuration holds, if it can be read.
#[must_use]
pub fn check_script(path: &Path, environment: &Environment) -> Vec<Finding> {
    let target = environment.version.unwrap_or(PythonVersion::PY311);
    let here = std::env::current_dir().unwrap_or_default();
    let path = here.join(path);
    let mut found = with_stack(|| {
        let storage = Storage::default();
        let roots = path.parent().map(Path::to_path_buf).into_iter().collect();
        let program = Program::new(&storage, roots, environment.libraries.clone());
        match program.read(&path, shown(&path, &here)) {
            Ok(file) if file.parsed.errors().is_empty() => findings(&program, file, target),
            // Python itself says what is wrong with its syntax.
            _ => Vec::new(),
        }
    });
    found.retain(|finding| matches!(finding.code, Some("FER001" | "FER003")));
    // `ferraio check` says what is wrong with a configuration; a program that runs has no use for it.
    if let Ok(config) = Config::find(&path, None, false, &Overrides::default()) {
        found.retain(|finding| finding.code.is_none_or(|code| config.wants(code, &path)));
    }
    found
}

/// Find what is wrong in a file, silenced findings left out.
fn findings<'a>(program: &Program<'a>, file: &'a File, target: PythonVersion) -> Vec<Finding> {
    let errors = file.parsed.errors();
    if !errors.is_empty() {
        return errors.iter().map(|error| syntax_error(file, error)).collect();
    }
    let mut findings = check(program, file, target);
    if !findings.is_empty() {
        let silence = Silence::of(file);
        findings.retain(|finding| !silence.covers(finding));
    }
    findings
}

fn syntax_error(file: &File, error: &ruff_python_parser::ParseError) -> Finding {
    plain("invalid-syntax", error.error.to_string(), file.place(error.range()))
}

/// A finding for a file that cannot be read.
pub fn unreadable(name: &str, reason: &str) -> Finding {
    plain("io-error", reason.to_owned(), Source::without_text(name).place(0..0))
}

fn plain(rule: &'static str, title: String, place: ferraio_report::Place) -> Finding {
    Finding {
        code: None,
        rule,
        severity: Severity::Error,
        title,
        primary: Label { place, text: String::new() },
        secondary: Vec::new(),
        notes: Vec::new(),
        help: None,
        fix: None,
    }
}

/// The name of a path in messages: relative to where the user is, if it is below.
pub fn shown(path: &Path, here: &Path) -> String {
    path.strip_prefix(here).unwrap_or(path).display().to_string()
}
