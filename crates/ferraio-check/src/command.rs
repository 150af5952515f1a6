//! `ferraio check`: its options, what it prints, how it ends. The conventions are ruff's.

use std::path::{Path, PathBuf};

use ferraio_report::{Finding, Fix};
use ruff_python_ast::PythonVersion;

use crate::cache::Cache;
use crate::config::{Config, Overrides};
use crate::discover::discover;
use crate::environment::Environment;
use crate::output::{Format, render};
use crate::rules::{RULES, find};
use crate::run::{Checked, Task, run, shown, unreadable, with_stack};

/// What a run of the command came to.
#[derive(Debug, Default)]
pub struct Outcome {
    /// 0 if nothing was found, 1 if something was, 2 if the command could not be done.
    pub status: u8,
    /// What goes to standard output.
    pub output: String,
    /// What goes to standard error.
    pub errors: String,
}

/// What the user asked for.
#[derive(Default)]
struct Options {
    paths: Vec<PathBuf>,
    overrides: Overrides,
    format: Format,
    fix: bool,
    unsafe_fixes: bool,
    exit_zero: bool,
    quiet: bool,
    no_cache: bool,
    cache_dir: Option<PathBuf>,
    config: Option<PathBuf>,
    isolated: bool,
    force_exclude: bool,
    python: Option<PathBuf>,
    statistics: bool,
    colour: Option<bool>,
    stdin_name: Option<PathBuf>,
    output_file: Option<PathBuf>,
}

/// What the words of the command line come to.
enum Request {
    Check(Box<Options>),
    Print(String),
}

const HELP: &str = "\
Find the classic mistakes of async Python before the program runs.

Usage: ferraio check [OPTIONS] [PATH]...

Arguments:
  [PATH]...                    Files or directories to check, or `-` for standard input [default: .]

Options:
      --fix                    Apply the safe fixes
      --unsafe-fixes           With --fix: apply the others too
      --output-format FORMAT   full, concise, json, github or sarif [default: full]
  -o, --output-file FILE       Write to this file instead of standard output
      --select RULES           Rules to look for: FER001, FER1, never-awaited, ALL; separated by commas
      --extend-select RULES    Rules to look for besides those that are
      --ignore RULES           Rules not to look for
      --exclude PATTERNS       Paths to leave out, instead of the usual ones
      --extend-exclude PATTERNS  Paths to leave out, besides
      --force-exclude          Leave out what is excluded even where it is named
      --target-version VERSION The oldest Python that the code is for, such as py312
      --python PATH            The environment whose packages are imported, or its interpreter
      --config FILE            The pyproject.toml to read
      --isolated               Read no configuration
      --cache-dir DIR          Where results are kept [default: .ferraio_cache]
  -n, --no-cache               Keep no results
      --stdin-filename NAME    What standard input is called
      --statistics             Count the findings of each rule
      --color WHEN             auto, always or never
  -e, --exit-zero              Exit with 0 even if something was found
  -q, --quiet                  Print the findings and no more
      --explain RULE           Print the page of a rule, or of all
  -h, --help                   Print this

Exit status: 0 nothing was found, 1 something was found, 2 it could not be checked.
In pyproject.toml: [tool.ferraio] with select, extend-select, ignore, per-file-ignores, exclude, extend-exclude,
target-version and cache-dir. In the code: `# noqa: FER001`, and `# ferraio: noqa` for a whole file.
";

/// Do what `ferraio check` is asked for. `own` is the environment of the Python that asks.
#[must_use]
pub fn command(arguments: &[String], own: &Environment, is_terminal: bool) -> Outcome {
    let result = match parse(arguments) {
        Ok(Request::Check(options)) => check_paths(&options, own, is_terminal),
        Ok(Request::Print(text)) => Ok(Outcome { output: text, ..Outcome::default() }),
        Err(reason) => Err(format!("{reason}\nFor more, see `ferraio check --help`.")),
    };
    result.unwrap_or_else(|reason| Outcome { status: 2, errors: format!("error: {reason}\n"), ..Outcome::default() })
}

fn parse(arguments: &[String]) -> Result<Request, String> {
    let mut options = Options::default();
    let mut words = arguments.iter().cloned();
    let mut only_paths = false;
    while let Some(word) = words.next() {
        if only_paths || !word.starts_with('-') || word == "-" {
            options.paths.push(word.into());
            continue;
        }
        let (name, attached) = match word.split_once('=') {
            Some((name, value)) => (name.to_owned(), Some(value.to_owned())),
            None => (word.clone(), None),
        };
        let mut value =
            || attached.clone().or_else(|| words.next()).ok_or_else(|| format!("a value is required for `{name}`"));
        let list = |text: String| text.split(',').map(|item| item.trim().to_owned()).collect::<Vec<_>>();
        match name.as_str() {
            "--" => only_paths = true,
            "-h" | "--help" => return Ok(Request::Print(HELP.into())),
            "--explain" => {
                let rule = value()?;
                return explain(&rule).map(Request::Print).ok_or_else(|| format!("unknown rule `{rule}`"));
            }
            "--fix" => options.fix = true,
            "--unsafe-fixes" => options.unsafe_fixes = true,
            "--output-format" => {
                let format = value()?;
                options.format = Format::named(&format).ok_or_else(|| format!("unknown output format `{format}`"))?;
            }
            "-o" | "--output-file" => options.output_file = Some(value()?.into()),
            "--select" => options.overrides.select = Some(list(value()?)),
            "--extend-select" => options.overrides.extend_select.extend(list(value()?)),
            "--ignore" | "--extend-ignore" => options.overrides.ignore.extend(list(value()?)),
            "--exclude" => options.overrides.exclude = Some(list(value()?)),
            "--extend-exclude" => options.overrides.extend_exclude.extend(list(value()?)),
            "--target-version" => options.overrides.target = Some(value()?),
            "--python" => options.python = Some(value()?.into()),
            "--config" => options.config = Some(value()?.into()),
            "--isolated" => options.isolated = true,
            "--force-exclude" => options.force_exclude = true,
            "--cache-dir" => options.cache_dir = Some(value()?.into()),
            "-n" | "--no-cache" => options.no_cache = true,
            "--stdin-filename" => options.stdin_name = Some(value()?.into()),
            "--statistics" => options.statistics = true,
            "--color" => {
                options.colour = match value()?.as_str() {
                    "always" => Some(true),
                    "never" => Some(false),
                    "auto" => None,
                    other => return Err(format!("unknown value `{other}` for --color")),
                }
            }
            "-e" | "--exit-zero" => options.exit_zero = true,
            "-q" | "--quiet" => options.quiet = true,
            unknown => return Err(format!("unexpected argument `{unknown}`")),
        }
    }
    if options.paths.is_empty() {
        options.paths.push(".".into());
    }
    Ok(Request::Check(Box::new(options)))
}

/// The page of a rule, by its code or name; of `all` rules, one after the other.
#[must_use]
pub fn explain(rule: &str) -> Option<String> {
    match rule {
        "all" | "ALL" => Some(RULES.map(|rule| rule.page).join("\n")),
        one => find(one).map(|rule| rule.page.to_owned()),
    }
}

fn check_paths(options: &Options, own: &Environment, is_terminal: bool) -> Result<Outcome, String> {
    let here = std::env::current_dir().map_err(|error| format!("the current directory is gone: {error}"))?;
    let absolute = |path: &Path| clean(&here.join(path));
    let mut configs: Vec<Config> = Vec::new();
    let mut paths = Vec::new();
    let mut missing = Vec::new();
    let is_stdin = options.paths.iter().any(|path| path.as_os_str() == "-");
    for given in &options.paths {
        let path = match (is_stdin, &options.stdin_name) {
            (true, Some(name)) => absolute(name),
            (true, None) => here.join("stdin.py"),
            (false, _) => absolute(given),
        };
        if !is_stdin && !path.exists() {
            missing.push(unreadable(&given.display().to_string(), "No such file or directory"));
            continue;
        }
        let named = options.config.as_deref().map(absolute);
        configs.push(Config::find(&path, named.as_deref(), options.isolated, &options.overrides)?);
        paths.push((path, configs.len() - 1));
    }
    let project = configs.first().map_or(here.clone(), |config| config.root.clone());
    let environment = Environment::find(options.python.as_deref().map(absolute).as_deref(), &project, own)?;
    if is_stdin {
        paths.truncate(1);
    }
    let found = if is_stdin {
        crate::discover::Discovered { files: paths.clone(), errors: Vec::new() }
    } else {
        discover(&paths, &configs, options.force_exclude)
    };
    let mut roots: Vec<PathBuf> = Vec::new();
    for config in &configs {
        let root = around_packages(&config.root);
        for root in [root.join("src"), root.clone(), here.clone()] {
            if root.is_dir() && !roots.contains(&root) {
                roots.push(root);
            }
        }
    }
    let target =
        configs.first().and_then(|config| config.target).or(environment.version).unwrap_or(PythonVersion::PY311);
    let mut task = Task {
        files: found.files.iter().map(|(path, _)| (path.clone(), shown(path, &here))).collect(),
        roots,
        libraries: environment.libraries,
        target,
        text: None,
    };
    if is_stdin {
        use std::io::Read;
        let mut bytes = Vec::new();
        std::io::stdin().read_to_end(&mut bytes).map_err(|error| format!("standard input: {error}"))?;
        task.text = Some(bytes);
    }

    let cache_dir = match (options.no_cache || is_stdin, options.cache_dir.as_deref().map(absolute)) {
        (true, _) => None,
        (false, Some(folder)) => Some(folder),
        (false, None) => {
            let first = configs.first();
            Some(first.and_then(|config| config.cache_dir.clone()).unwrap_or(project.join(".ferraio_cache")))
        }
    };
    let check = |task: &Task| match &cache_dir {
        Some(folder) => Cache::open(folder, task).run(task),
        None => run(task).0,
    };
    let mut checked = check(&task);
    let mut fixed = 0;
    if options.fix {
        for _ in 0..MOST_ROUNDS {
            let changed = apply_fixes(&checked, &found.files, &configs, options.unsafe_fixes)?;
            if changed == 0 {
                break;
            }
            fixed += changed;
            checked = check(&task);
        }
    }
    let mut findings = missing;
    for (path, reason) in &found.errors {
        findings.push(unreadable(&shown(path, &here), reason));
    }
    for (Checked { path, findings: all }, (_, config)) in checked.into_iter().zip(&found.files) {
        findings.extend(all.into_iter().filter(|finding| wanted(finding, &path, &configs[*config])));
    }
    let colour =
        options.colour.unwrap_or(is_terminal && std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty()));
    Ok(told(options, &findings, fixed, found.files.len(), colour && options.output_file.is_none()))
}

/// The folder from which a folder is imported, if it is a package; otherwise the folder. The modules inside of a package
/// are not imported by their bare names: its `logging.py` is not what `import logging` means.
fn around_packages(folder: &Path) -> PathBuf {
    let is_package = |folder: &&Path| ["__init__.py", "__init__.pyi"].iter().any(|init| folder.join(init).is_file());
    folder.ancestors().find(|folder| !is_package(folder)).unwrap_or(folder).to_path_buf()
}

/// A fix may make room for another; so often it is tried.
const MOST_ROUNDS: usize = 10;

fn wanted(finding: &Finding, path: &Path, config: &Config) -> bool {
    finding.code.is_none_or(|code| config.wants(code, path))
}

fn apply_fixes(
    checked: &[Checked],
    files: &[(PathBuf, usize)],
    configs: &[Config],
    with_unsafe: bool,
) -> Result<usize, String> {
    let mut changed = 0;
    for (Checked { path, findings }, (_, config)) in checked.iter().zip(files) {
        let fixes = findings
            .iter()
            .filter(|finding| wanted(finding, path, &configs[*config]))
            .filter_map(|finding| finding.fix.as_ref())
            .filter(|fix| fix.safe || with_unsafe);
        let fixes: Vec<&Fix> = fixes.collect();
        if fixes.is_empty() {
            continue;
        }
        let Ok(bytes) = std::fs::read(path) else { continue };
        if let Some((new, count)) = with_stack(|| crate::fix::apply_to_file(path, bytes, &fixes)) {
            std::fs::write(path, new).map_err(|error| format!("cannot write {}: {error}", path.display()))?;
            changed += count;
        }
    }
    Ok(changed)
}

fn told(options: &Options, findings: &[Finding], fixed: usize, files: usize, colour: bool) -> Outcome {
    let mut output = if options.statistics && options.format != Format::Json {
        statistics(findings)
    } else {
        render(findings, options.format, colour)
    };
    let is_text = matches!(options.format, Format::Full | Format::Concise);
    if is_text && !options.quiet {
        output += &summary(findings, fixed, files);
    }
    let mut outcome =
        Outcome { status: u8::from(!findings.is_empty() && !options.exit_zero), output, errors: String::new() };
    if let Some(file) = &options.output_file
        && let Err(error) = std::fs::write(file, std::mem::take(&mut outcome.output))
    {
        outcome.errors = format!("error: cannot write {}: {error}\n", file.display());
        outcome.status = 2;
    }
    outcome
}

fn statistics(findings: &[Finding]) -> String {
    let mut counts: Vec<(usize, &str, &str)> = Vec::new();
    for finding in findings {
        let code = finding.code.unwrap_or("");
        match counts.iter_mut().find(|(_, known, rule)| *known == code && *rule == finding.rule) {
            Some((count, _, _)) => *count += 1,
            None => counts.push((1, code, finding.rule)),
        }
    }
    counts.sort_by(|one, other| other.0.cmp(&one.0).then(one.1.cmp(other.1)));
    counts.iter().map(|(count, code, rule)| format!("{count}\t{code}\t{rule}\n")).collect()
}

fn summary(findings: &[Finding], fixed: usize, files: usize) -> String {
    let plural = |count: usize| if count == 1 { "" } else { "s" };
    let count = findings.len();
    let mut text = match (count, fixed) {
        (0, 0) if files == 0 => return "No Python files found under the given paths\n".into(),
        (0, 0) => return "All checks passed!\n".into(),
        (_, 0) => format!("Found {count} error{}.\n", plural(count)),
        (_, _) => {
            let all = count + fixed;
            format!("Found {all} error{} ({fixed} fixed, {count} remaining).\n", plural(all))
        }
    };
    let fixable = findings.iter().filter(|finding| finding.fix.as_ref().is_some_and(|fix| fix.safe)).count();
    if fixable > 0 {
        text += &format!("{fixable} fixable with the `--fix` option.\n");
    }
    text
}

/// A path without `.` and `..`, as it is written: links stay links.
fn clean(path: &Path) -> PathBuf {
    let mut cleaned = PathBuf::new();
    for part in path.components() {
        match part {
            std::path::Component::CurDir => {}
            std::path::Component::ParentDir => {
                cleaned.pop();
            }
            other => cleaned.push(other),
        }
    }
    cleaned
}
