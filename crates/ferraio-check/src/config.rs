//! What is to be looked for, and where: `[tool.ferraio]` in `pyproject.toml`, and the options of the command.

use std::path::{Path, PathBuf};

use globset::{Glob, GlobMatcher};
use ruff_python_ast::PythonVersion;
use toml::{Table, Value};

use crate::rules::{RULES, Rule, find};

/// Folders that nobody wants to have checked.
const EXCLUDED: [&str; 27] = [
    ".bzr",
    ".direnv",
    ".eggs",
    ".git",
    ".git-rewrite",
    ".hg",
    ".ipynb_checkpoints",
    ".mypy_cache",
    ".nox",
    ".pants.d",
    ".pyenv",
    ".pytest_cache",
    ".pytype",
    ".ruff_cache",
    ".ferraio_cache",
    ".svn",
    ".tox",
    ".venv",
    ".vscode",
    "__pypackages__",
    "_build",
    "buck-out",
    "build",
    "dist",
    "node_modules",
    "site-packages",
    "venv",
];

/// What is to be looked for, and where.
#[derive(Debug)]
pub struct Config {
    /// The folder that patterns are relative to.
    pub root: PathBuf,
    select: Vec<String>,
    extend_select: Vec<String>,
    ignore: Vec<String>,
    per_file_ignores: Vec<(Pattern, Vec<String>)>,
    exclude: Vec<Pattern>,
    /// The oldest Python that the code is for, if anybody said so.
    pub target: Option<PythonVersion>,
    /// Where the cache is, unless beside the configuration.
    pub cache_dir: Option<PathBuf>,
}

/// A pattern of paths, as ruff has them: of a name anywhere, or of a path below the root.
#[derive(Debug)]
struct Pattern {
    name: GlobMatcher,
    path: GlobMatcher,
}

/// What the command line adds.
#[derive(Debug, Default)]
pub struct Overrides {
    /// `--select`
    pub select: Option<Vec<String>>,
    /// `--extend-select`
    pub extend_select: Vec<String>,
    /// `--ignore`
    pub ignore: Vec<String>,
    /// `--exclude`
    pub exclude: Option<Vec<String>>,
    /// `--extend-exclude`
    pub extend_exclude: Vec<String>,
    /// `--target-version`
    pub target: Option<String>,
}

impl Config {
    /// Read the configuration for a path: the nearest `pyproject.toml` that speaks of ferraio, or else that there is.
    pub fn find(path: &Path, named: Option<&Path>, isolated: bool, overrides: &Overrides) -> Result<Self, String> {
        let start = if path.is_dir() { path } else { path.parent().unwrap_or(path) };
        let (file, project) = match (named, isolated) {
            (_, true) => (None, None),
            (Some(named), _) => (Some(named.to_path_buf()), None),
            (None, false) => nearest(start)?,
        };
        let text = match &file {
            Some(file) => {
                std::fs::read_to_string(file).map_err(|error| format!("cannot read {}: {error}", file.display()))?
            }
            None => String::new(),
        };
        let read = || format!("in {}", file.as_deref().unwrap_or(Path::new("pyproject.toml")).display());
        let table: Table = text.parse().map_err(|error| format!("{}: {error}", read()))?;
        let own = file.as_deref().and_then(Path::parent).map(Path::to_path_buf);
        let root = own.or(project).unwrap_or_else(|| start.to_path_buf());
        let said = table.get("tool").and_then(|tool| tool.get("ferraio")).and_then(Value::as_table);
        let requires = table.get("project").and_then(|project| project.get("requires-python")).and_then(Value::as_str);
        Self::from_table(root, said.unwrap_or(&Table::new()), requires, overrides)
            .map_err(|error| format!("{}: {error}", read()))
    }

    fn from_table(root: PathBuf, table: &Table, requires: Option<&str>, overrides: &Overrides) -> Result<Self, String> {
        let known = [
            "select",
            "extend-select",
            "ignore",
            "per-file-ignores",
            "exclude",
            "extend-exclude",
            "target-version",
            "cache-dir",
        ];
        if let Some(unknown) = table.keys().find(|key| !known.contains(&key.as_str())) {
            return Err(format!("unknown key `{unknown}` in [tool.ferraio]; known are {}", known.join(", ")));
        }
        let list = |key: &str| match table.get(key) {
            None => Ok(None),
            Some(value) => strings(value).map(Some).ok_or_else(|| format!("`{key}` has to be a list of strings")),
        };
        let select = overrides.select.clone().or(list("select")?);
        let mut extend_select = list("extend-select")?.unwrap_or_default();
        extend_select.extend(overrides.extend_select.iter().cloned());
        let mut ignore = if overrides.select.is_some() { Vec::new() } else { list("ignore")?.unwrap_or_default() };
        ignore.extend(overrides.ignore.iter().cloned());
        let mut per_file_ignores = Vec::new();
        if let Some(entries) = table.get("per-file-ignores") {
            let entries = entries.as_table().ok_or("`per-file-ignores` has to be a table")?;
            for (pattern, rules) in entries {
                let rules = strings(rules).ok_or("`per-file-ignores` has to hold lists of strings")?;
                per_file_ignores.push((Pattern::new(&root, pattern)?, rules));
            }
        }
        let given = overrides.exclude.clone().or(list("exclude")?);
        let mut exclude = given.unwrap_or_else(|| EXCLUDED.map(str::to_owned).to_vec());
        exclude.extend(list("extend-exclude")?.unwrap_or_default());
        exclude.extend(overrides.extend_exclude.iter().cloned());
        let target = match overrides.target.as_deref().or(table.get("target-version").and_then(Value::as_str)) {
            Some(target) => Some(version(target).ok_or_else(|| format!("unknown target-version `{target}`"))?),
            None => requires.and_then(oldest),
        };
        let config = Self {
            select: select.unwrap_or_default(),
            extend_select,
            ignore,
            per_file_ignores,
            exclude: exclude.iter().map(|pattern| Pattern::new(&root, pattern)).collect::<Result<_, _>>()?,
            target,
            cache_dir: table.get("cache-dir").and_then(Value::as_str).map(|folder| root.join(folder)),
            root,
        };
        let mentioned = config.select.iter().chain(&config.extend_select).chain(&config.ignore);
        let in_files = config.per_file_ignores.iter().flat_map(|(_, rules)| rules);
        match mentioned.chain(in_files).find(|selector| !RULES.iter().any(|rule| matches(selector, rule))) {
            Some(unknown) => Err(format!("unknown rule selector: `{unknown}`")),
            None => Ok(config),
        }
    }

    /// Whether a rule is to be looked for in a file.
    pub fn wants(&self, code: &str, path: &Path) -> bool {
        let Some(rule) = find(code) else { return true };
        let specific = |selectors: &[String]| {
            selectors.iter().filter(|selector| matches(selector, rule)).map(|selector| weight(selector)).max()
        };
        let selected = specific(&self.select).max(specific(&self.extend_select));
        let selected = if self.select.is_empty() && rule.is_default { selected.max(Some(0)) } else { selected };
        let is_ignored_here = self
            .per_file_ignores
            .iter()
            .any(|(pattern, rules)| pattern.matches(path) && rules.iter().any(|selector| matches(selector, rule)));
        // As with ruff, the more specific selector wins.
        selected.is_some() && specific(&self.ignore).is_none_or(|ignored| Some(ignored) < selected) && !is_ignored_here
    }

    /// Whether a file or folder is left out.
    pub fn excludes(&self, path: &Path) -> bool {
        self.exclude.iter().any(|pattern| pattern.matches(path))
    }
}

impl Pattern {
    fn new(root: &Path, pattern: &str) -> Result<Self, String> {
        let glob = |text: &str| {
            Glob::new(text).map(|glob| glob.compile_matcher()).map_err(|error| format!("pattern `{pattern}`: {error}"))
        };
        Ok(Self { name: glob(pattern)?, path: glob(&root.join(pattern).to_string_lossy())? })
    }

    fn matches(&self, path: &Path) -> bool {
        path.file_name().is_some_and(|name| self.name.is_match(name)) || self.path.is_match(path)
    }
}

/// The nearest file that speaks of ferraio; and the nearest folder with a `pyproject.toml`.
fn nearest(start: &Path) -> Result<(Option<PathBuf>, Option<PathBuf>), String> {
    let mut project = None;
    for folder in start.ancestors() {
        let file = folder.join("pyproject.toml");
        let Ok(text) = std::fs::read_to_string(&file) else { continue };
        let table: Table = text.parse().map_err(|error| format!("in {}: {error}", file.display()))?;
        if table.get("tool").and_then(|tool| tool.get("ferraio")).is_some() || project.is_none() {
            let is_own = table.get("tool").and_then(|tool| tool.get("ferraio")).is_some();
            if is_own || table.contains_key("project") {
                return Ok((Some(file), Some(folder.to_path_buf())));
            }
            project = Some(folder.to_path_buf());
        }
    }
    Ok((None, project))
}

fn strings(value: &Value) -> Option<Vec<String>> {
    value.as_array()?.iter().map(|item| item.as_str().map(str::to_owned)).collect()
}

/// Whether a selector means a rule: `ALL`, `FER`, `FER0`, `FER001`, `never-awaited`.
fn matches(selector: &str, rule: &Rule) -> bool {
    selector == "ALL" || rule.name == selector || (selector.starts_with("FER") && rule.code.starts_with(selector))
}

fn weight(selector: &str) -> usize {
    if selector == "ALL" { 1 } else { 1 + selector.len().min(6) }
}

/// `py312` or `3.12`.
fn version(text: &str) -> Option<PythonVersion> {
    let minor = text.strip_prefix("py3").or_else(|| text.strip_prefix("3."))?;
    Some(PythonVersion { major: 3, minor: minor.parse().ok()? })
}

/// The oldest version in `>=3.11`.
fn oldest(requires: &str) -> Option<PythonVersion> {
    let bound = requires.split(',').find_map(|part| part.trim().strip_prefix(">="))?;
    let minor = bound.trim().strip_prefix("3.")?;
    let end = minor.find(|c: char| !c.is_ascii_digit()).unwrap_or(minor.len());
    Some(PythonVersion { major: 3, minor: minor[..end].parse().ok()? })
}
