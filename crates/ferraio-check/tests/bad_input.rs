//! Whatever is in the files: a clear message, the other files are checked, and nothing panics.

use std::path::{Path, PathBuf};

use ferraio_check::{Environment, Outcome, command};
use proptest::prelude::*;

/// A folder of its own for each test, removed in the end.
struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("ferraio-check-{}-{name}", std::process::id()));
        std::fs::create_dir_all(&path).expect("it can be made");
        Self(path)
    }

    fn with(self, name: &str, content: impl AsRef<[u8]>) -> Self {
        std::fs::write(self.0.join(name), content).expect("it can be written");
        self
    }

    fn check(&self) -> Outcome {
        check(&self.0, &[])
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        // A leftover in the temporary folder harms nobody.
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

fn check(path: &Path, options: &[&str]) -> Outcome {
    let mut arguments: Vec<String> =
        ["--isolated", "--output-format", "concise", "--no-cache"].map(str::to_owned).to_vec();
    arguments.extend(options.iter().map(|option| (*option).to_owned()));
    arguments.push(path.display().to_string());
    command(&arguments, &Environment::default(), false)
}

const WRONG: &str = "async def save(): ...\n\n\nasync def main():\n    save()\n";

#[test]
fn all_syntax_errors_are_shown_and_other_files_are_checked() {
    let found = Folder::new("syntax").with("a.py", "def (:\n    x = = 1\n").with("b.py", WRONG).check();
    assert_eq!(found.status, 1);
    assert!(found.output.matches("a.py:").count() >= 2, "{}", found.output);
    assert!(found.output.contains("invalid-syntax"), "{}", found.output);
    assert!(found.output.contains("b.py:5:5: FER001"), "{}", found.output);
}

#[test]
fn encodings_are_followed_or_named() {
    let latin = b"# coding: latin-1\nx = '\xe4'\nasync def f(): ...\nf()\n";
    let found = Folder::new("encodings")
        .with("latin.py", latin)
        .with("bom.py", format!("\u{feff}{WRONG}"))
        .with("bytes.py", b"x = 1\ny = '\xff\xfe'\n")
        .with("koi.py", b"# coding: koi8-r\nx = '\xc1'\n")
        .with("wide.py", b"\xff\xfex\0=\0")
        .check();
    assert!(found.output.contains("latin.py:4:1: FER001"), "{}", found.output);
    assert!(found.output.contains("bom.py:5:5: FER001"), "{}", found.output);
    assert!(found.output.contains("not UTF-8, from line 2"), "{}", found.output);
    assert!(found.output.contains("encoded as koi8-r"), "{}", found.output);
    assert!(found.output.contains("UTF-16"), "{}", found.output);
}

#[test]
fn null_bytes_are_a_syntax_error() {
    let found = Folder::new("null").with("a.py", b"x = 1\0\nsave()\n").check();
    assert!(found.output.contains("a.py:1:"), "{}", found.output);
}

#[test]
fn deep_nesting_ends_well() {
    let deep = 100_000;
    let found = Folder::new("deep")
        .with("minus.py", format!("x = {}1\n", "-".repeat(deep)))
        .with("dots.py", format!("x = a{}\n", ".b".repeat(deep)))
        .with("calls.py", format!("f{}\n", "()".repeat(deep)))
        .with("lists.py", format!("x = {}{}\n", "[".repeat(deep), "]".repeat(deep)))
        .with("sums.py", format!("async def f():\n    x = 1{}\n", " + f()".repeat(deep)))
        .with("nots.py", format!("if {}1:\n    pass\n", "not ".repeat(deep)))
        .with("lambdas.py", format!("x = {}1\n", "lambda: ".repeat(deep)))
        .with("deeper.py", "(".repeat(2_000_000))
        .with("wrong.py", WRONG)
        .check();
    assert!(found.output.contains("wrong.py:5:5: FER001"), "{:.2000}", found.output);
    assert!(found.output.contains("deeper.py:1:1: io-error: nested too deep"), "{:.2000}", found.output);
}

#[test]
fn imports_may_go_in_circles() {
    let found = Folder::new("circle")
        .with("a.py", "from b import *\nfrom b import two as one\nclass A(B): ...\nA().go()\none()\n")
        .with("b.py", "from a import *\nfrom a import one as two\nclass B(A): ...\n")
        .with("c.py", "from c import c\nc()\nx = x\nx()\nclass C(C): ...\nC().x()\n")
        .with("wrong.py", WRONG)
        .check();
    assert!(found.output.contains("wrong.py:5:5"), "{}", found.output);
}

#[cfg(unix)]
#[test]
fn links_in_circles_and_broken_ones_are_passed_by() {
    let folder = Folder::new("links").with("wrong.py", WRONG);
    std::os::unix::fs::symlink(&folder.0, folder.0.join("again")).expect("a link");
    std::os::unix::fs::symlink("nowhere.py", folder.0.join("broken.py")).expect("a link");
    std::os::unix::fs::symlink("self.py", folder.0.join("self.py")).expect("a link");
    let found = folder.check();
    assert_eq!(found.output.matches("FER001").count(), 1, "{}", found.output);
}

#[test]
fn a_path_that_is_not_there_is_told() {
    let found = check(Path::new("/nowhere/at/all.py"), &[]);
    assert_eq!(found.status, 1);
    assert!(found.output.contains("No such file or directory"), "{}", found.output);
}

#[cfg(unix)]
#[test]
fn what_cannot_be_read_is_told_and_other_files_are_checked() {
    use std::os::unix::fs::PermissionsExt;
    let folder = Folder::new("unreadable").with("secret.py", WRONG).with("wrong.py", WRONG);
    let secret = folder.0.join("secret.py");
    std::fs::set_permissions(&secret, std::fs::Permissions::from_mode(0o000)).expect("it is ours");
    // Root reads everything.
    let is_refused = std::fs::read(&secret).is_err();
    let found = folder.check();
    assert!(found.output.contains("wrong.py:5:5: FER001"), "{}", found.output);
    let said = if is_refused { "secret.py:1:1: io-error: Permission denied" } else { "secret.py:5:5: FER001" };
    assert!(found.output.contains(said), "{}", found.output);
}

#[test]
fn a_folder_that_is_called_like_a_file_is_looked_into() {
    let folder = Folder::new("folder");
    std::fs::create_dir_all(folder.0.join("package.py")).expect("it can be made");
    std::fs::write(folder.0.join("package.py/wrong.py"), WRONG).expect("it can be written");
    assert!(folder.check().output.contains("wrong.py:5:5: FER001"));
}

#[test]
fn a_huge_file_is_checked_and_one_beyond_all_measure_is_refused() {
    let huge = format!("{}{WRONG}", "x = [1, 2, 3]\n".repeat(200_000));
    let folder =
        Folder::new("huge").with("huge.py", huge).with("line.py", format!("x = '{}'\n", "x".repeat(5_000_000)));
    let sparse = std::fs::File::create(folder.0.join("beyond.py")).expect("it can be made");
    sparse.set_len(100 << 20).expect("it takes no room");
    let found = folder.check();
    assert!(found.output.contains("huge.py:200005:5: FER001"), "{:.2000}", found.output);
    assert!(found.output.contains("beyond.py:1:1: io-error: larger than 64 MiB"), "{:.2000}", found.output);
}

#[test]
fn notebooks_are_checked_cell_by_cell() {
    let notebook = serde_json::json!({
        "cells": [
            {"cell_type": "markdown", "source": ["save()"]},
            {"cell_type": "code", "source": ["%matplotlib inline\n", "async def save():\n", "    ..."]},
            {"cell_type": "code", "source": "await save()\nsave()"},
            {"cell_type": "code", "source": "%%bash\nls"},
            {"cell_type": "code", "source": "import asyncio\nasyncio.run(save())\n"},
        ],
        "metadata": {"language_info": {"name": "python"}},
    });
    let found = Folder::new("notebook").with("n.ipynb", notebook.to_string()).with("broken.ipynb", "{").check();
    assert!(found.output.contains("n.ipynb:cell 3:2:1: FER001"), "{}", found.output);
    assert!(!found.output.contains("FER003"), "{}", found.output);
    assert!(found.output.contains("broken.ipynb:1:1: io-error: not a notebook"), "{}", found.output);
}

/// Pieces that mistakes are made of, and pieces that break them.
const PIECES: [&str; 40] = [
    "async def f",
    "def g",
    "class C",
    "(",
    ")",
    ":\n    ",
    "\n",
    "\n    ",
    "await ",
    "f()",
    "self.f()",
    "yield ",
    "return ",
    "for x in ",
    "async with ",
    "as y",
    "lambda: ",
    "[",
    "]",
    "{",
    "}",
    "import asyncio",
    "from . import ",
    "*",
    "@",
    "asyncio.",
    "gather",
    "create_task",
    "run",
    "=",
    "x",
    "'",
    "\"\"\"",
    "f'{f()}'",
    "try",
    "except BaseException",
    "if ",
    "# noqa\n",
    "\t",
    "\\",
];

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn nothing_panics_whatever_the_program(pieces in prop::collection::vec(0..PIECES.len(), 0..60)) {
        let text: String = pieces.into_iter().map(|index| PIECES[index]).collect();
        check_text(&text)?;
    }

    #[test]
    fn nothing_panics_where_a_program_is_torn(
        from in 0usize..3000, length in 0usize..200, to in 0usize..3000, insert in "\\PC{0,3}",
    ) {
        let text = include_str!("rules/never-awaited.md");
        let cut = |at: usize| text.floor_char_boundary(at.min(text.len()));
        let piece = &text[cut(from)..cut(from + length)];
        let torn = format!("{}{insert}{piece}{}", &text[..cut(to)], &text[cut(to + length)..]);
        let code: String = torn.lines().filter(|line| !line.starts_with("```") && !line.starts_with('#')).map(|line| format!("{line}\n")).collect();
        check_text(&code)?;
    }
}

fn check_text(text: &str) -> Result<(), TestCaseError> {
    let folder = std::env::temp_dir().join(format!("ferraio-check-{}-any", std::process::id()));
    std::fs::create_dir_all(&folder).expect("it can be made");
    let path = folder.join(format!("{:?}.py", std::thread::current().id()));
    std::fs::write(&path, text).expect("it can be written");
    let outcome = check(&path, &["--select", "ALL", "--output-format", "full"]);
    prop_assert!(outcome.status < 2, "{}", outcome.errors);
    std::fs::remove_file(&path).expect("it can be removed");
    Ok(())
}
