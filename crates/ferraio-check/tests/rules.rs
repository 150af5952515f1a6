//! The rules, told in Markdown: each `tests/rules/<rule>.md` is sentences with programs, and each program marks the lines
//! that are reported with `# error: [rule]`. A block that begins with `# file: name.py` is a file beside the others of its
//! section. The rules that are on by default are looked for, and that of the page.

use std::path::{Path, PathBuf};
use std::process::id;

use ferraio_check::{Environment, command};

/// A program: its files, and the title it stands under.
struct Case {
    title: String,
    files: Vec<(String, String)>,
}

#[test]
fn each_rule_reports_the_marked_lines_and_no_others() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/rules");
    let mut pages: Vec<PathBuf> =
        std::fs::read_dir(folder).expect("there are rules").map(|entry| entry.expect("it is there").path()).collect();
    pages.sort();
    let mut wrong = String::new();
    for page in &pages {
        let text = std::fs::read_to_string(page).expect("it is text");
        for case in cases(&text) {
            let rule = page.file_stem().expect("a name").to_string_lossy();
            let (expected, found) = (marks(&case), report(&case, &rule));
            if expected != found {
                let page = page.file_name().expect("a file").display();
                wrong += &format!("{page}: {}\n  marked:   {expected:?}\n  reported: {found:?}\n", case.title);
            }
        }
    }
    assert!(wrong.is_empty(), "\n{wrong}");
}

#[test]
fn each_rule_has_a_page_of_tests() {
    for rule in ferraio_check::rules::RULES {
        let page = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("tests/rules/{}.md", rule.name));
        let text = std::fs::read_to_string(&page).unwrap_or_default();
        assert!(text.contains(&format!("# error: [{}]", rule.name)), "{} shows no mistake", page.display());
    }
}

/// Sections begin with `##`; the first block of a section without a name is `main.py`.
fn cases(page: &str) -> Vec<Case> {
    let mut cases: Vec<Case> = Vec::new();
    let mut block: Option<String> = None;
    for line in page.lines() {
        match (&mut block, line) {
            (None, "```python") => block = Some(String::new()),
            (Some(text), "```") => {
                let name = text.lines().next().and_then(|line| line.strip_prefix("# file: ")).unwrap_or("main.py");
                let case = cases.last_mut().expect("a block stands below a title");
                case.files.push((name.to_owned(), std::mem::take(text)));
                block = None;
            }
            (Some(text), line) => *text += &format!("{line}\n"),
            (None, line) => {
                if let Some(title) = line.strip_prefix("## ") {
                    cases.push(Case { title: title.to_owned(), files: Vec::new() });
                }
            }
        }
    }
    assert!(block.is_none(), "a block is not closed");
    cases
}

fn marks(case: &Case) -> Vec<(String, usize, String)> {
    let mut marks = Vec::new();
    for (name, text) in &case.files {
        for (index, line) in text.lines().enumerate() {
            let rules = line.split("# error: [").skip(1).filter_map(|rest| rest.split(']').next());
            for rule in rules.flat_map(|rules| rules.split(", ")) {
                marks.push((name.clone(), index + 1, rule.to_owned()));
            }
        }
    }
    marks.sort();
    marks
}

fn report(case: &Case, rule: &str) -> Vec<(String, usize, String)> {
    let title: String = case.title.chars().filter(|c| c.is_ascii_alphanumeric()).collect();
    let folder = std::env::temp_dir().join(format!("ferraio-check-{}-{title}", id()));
    for (name, text) in &case.files {
        let path = folder.join(name);
        std::fs::create_dir_all(path.parent().expect("a folder")).expect("a folder can be made");
        std::fs::write(path, text).expect("a file can be written");
    }
    let arguments =
        ["--no-cache", "--isolated", "--extend-select", rule, "--target-version", "py314", "--output-format", "json"];
    let mut arguments: Vec<String> = arguments.map(str::to_owned).to_vec();
    arguments.push(folder.display().to_string());
    let outcome = command(&arguments, &standard_library(), false);
    std::fs::remove_dir_all(&folder).expect("it can be removed");
    assert!(outcome.errors.is_empty(), "{}", outcome.errors);
    let findings: serde_json::Value = serde_json::from_str(&outcome.output).expect("it is JSON");
    let mut found: Vec<(String, usize, String)> = findings
        .as_array()
        .expect("a list")
        .iter()
        .map(|finding| {
            let path = Path::new(finding["filename"].as_str().expect("a name")).to_path_buf();
            let name = path.strip_prefix(&folder).unwrap_or(&path).display().to_string();
            let row = finding["location"]["row"].as_u64().expect("a row") as usize;
            (name, row, finding["name"].as_str().expect("a rule").to_owned())
        })
        .collect();
    found.sort();
    found
}

/// The library of the Python at hand: what asyncio is, is read from its source.
fn standard_library() -> Environment {
    let python = std::env::var("PYO3_PYTHON").unwrap_or_else(|_| "python3".into());
    let script = "import os, sys; print(os.path.dirname(os.__file__)); print(sys.version_info.minor)";
    let output = std::process::Command::new(python).args(["-c", script]).output().expect("there is a Python");
    let text = String::from_utf8(output.stdout).expect("it is text");
    let library = text.lines().next().expect("a line").into();
    Environment { libraries: vec![library], version: None }
}
