//! What came out of the last run, for files that have not changed since.
//!
//! A file's findings hold as long as it, and every file that it asked for, directly or through others, has the time and
//! size that it had. If files come or go, names may lead elsewhere, and everything is checked anew; so it is with another
//! build of ferraio, another target, other environments. A cache that cannot be read or written is no cache.

use std::hash::{Hash, Hasher};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::UNIX_EPOCH;

use ferraio_report::{Edit, Finding, Fix, Label, Place, Severity, Source};
use rustc_hash::{FxHashMap, FxHashSet, FxHasher};
use serde_json::{Value, json};

use crate::rules::find;
use crate::run::{Checked, Task, run, shown};

/// What came out of the last run.
pub struct Cache {
    path: PathBuf,
    files: FxHashMap<PathBuf, Entry>,
}

/// What is known of a file.
#[derive(Default)]
struct Entry {
    /// Its time and size when it was read.
    stamp: Option<Stamp>,
    /// The files that it asked for.
    asked: Vec<PathBuf>,
    /// What was found, if it was checked and can be told again.
    findings: Option<Value>,
}

/// The time of the last change, in nanoseconds, and the size.
type Stamp = (u64, u64);

impl Cache {
    /// Open the cache for a task, in a folder.
    pub fn open(folder: &Path, task: &Task) -> Self {
        let mut hasher = FxHasher::default();
        (env!("FERRAIO_CHECK_BUILD"), task.target.major, task.target.minor, &task.roots).hash(&mut hasher);
        for (path, name) in &task.files {
            (path, name).hash(&mut hasher);
        }
        for library in &task.libraries {
            (library, stamp(library)).hash(&mut hasher);
        }
        let path = folder.join(format!("{:016x}.json", hasher.finish()));
        let files = std::fs::read(&path)
            .ok()
            .and_then(|bytes| serde_json::from_slice::<Value>(&bytes).ok())
            .map(|value| read(&value))
            .unwrap_or_default();
        Self { path, files }
    }

    /// Check what has to be checked, and take the rest from the cache.
    pub fn run(mut self, task: &Task) -> Vec<Checked> {
        let dirty = self.dirty();
        let here = std::env::current_dir().unwrap_or_default();
        let mut kept: FxHashMap<PathBuf, Vec<Finding>> = FxHashMap::default();
        let mut anew = Task {
            files: Vec::new(),
            roots: task.roots.clone(),
            libraries: task.libraries.clone(),
            target: task.target,
            text: None,
        };
        let mut sources = FxHashMap::default();
        for (path, name) in &task.files {
            let entry = self.files.get(path).filter(|_| !dirty.contains(path));
            match entry.and_then(|entry| restore(entry.findings.as_ref()?, &here, &mut sources)) {
                Some(findings) => drop(kept.insert(path.clone(), findings)),
                None => anew.files.push((path.clone(), name.clone())),
            }
        }
        if !anew.files.is_empty() {
            let (checked, asked) = run(&anew);
            for path in &dirty {
                self.files.remove(path);
            }
            for (from, to) in asked {
                self.touch(&to);
                let entry = self.touch(&from);
                if !entry.asked.contains(&to) {
                    entry.asked.push(to);
                }
            }
            for Checked { path, findings } in checked {
                self.touch(&path).findings = told(&path, &findings);
                kept.insert(path, findings);
            }
            self.save();
        }
        let checked = task
            .files
            .iter()
            .map(|(path, _)| Checked { findings: kept.remove(path).unwrap_or_default(), path: path.clone() });
        checked.collect()
    }

    fn touch(&mut self, path: &Path) -> &mut Entry {
        self.files.entry(path.to_path_buf()).or_insert_with(|| Entry { stamp: stamp(path), ..Entry::default() })
    }

    /// The files that have changed, and those that asked for them.
    fn dirty(&self) -> FxHashSet<PathBuf> {
        let mut importers: FxHashMap<&Path, Vec<&Path>> = FxHashMap::default();
        let mut queue: Vec<&Path> = Vec::new();
        for (path, entry) in &self.files {
            entry.asked.iter().for_each(|asked| importers.entry(asked).or_default().push(path));
            if entry.stamp.is_none() || stamp(path) != entry.stamp {
                queue.push(path);
            }
        }
        let mut dirty: FxHashSet<PathBuf> = FxHashSet::default();
        while let Some(path) = queue.pop() {
            if dirty.insert(path.to_path_buf()) {
                queue.extend(importers.get(path).into_iter().flatten());
            }
        }
        dirty
    }

    /// Write it in one go: whoever reads at the same time reads the old one or the new one.
    fn save(&self) {
        let paths: Vec<&PathBuf> = self.files.keys().collect();
        let numbers: FxHashMap<&PathBuf, usize> =
            paths.iter().enumerate().map(|(index, path)| (*path, index)).collect();
        let files: Vec<Value> = paths
            .iter()
            .filter_map(|path| {
                let entry = &self.files[*path];
                let asked: Vec<usize> = entry.asked.iter().filter_map(|asked| numbers.get(asked).copied()).collect();
                Some(json!([path.to_str()?, entry.stamp, asked, entry.findings]))
            })
            .collect();
        if files.len() != paths.len() {
            return;
        }
        let Some(folder) = self.path.parent() else { return };
        let temporary = self.path.with_extension(format!("{}.tmp", std::process::id()));
        let written = std::fs::create_dir_all(folder)
            .and_then(|()| std::fs::write(folder.join(".gitignore"), "*\n"))
            .and_then(|()| std::fs::write(&temporary, Value::Array(files).to_string()));
        if written.is_ok() && std::fs::rename(&temporary, &self.path).is_err() {
            // Somebody holds the old one; it stays.
            let _ = std::fs::remove_file(&temporary);
        }
    }
}

fn stamp(path: &Path) -> Option<Stamp> {
    let metadata = std::fs::metadata(path).ok()?;
    let time = metadata.modified().ok()?.duration_since(UNIX_EPOCH).ok()?;
    Some((u64::try_from(time.as_nanos()).ok()?, metadata.len()))
}

fn read(value: &Value) -> FxHashMap<PathBuf, Entry> {
    let rows = value.as_array().map(Vec::as_slice).unwrap_or_default();
    let path = |index: u64| Some(PathBuf::from(rows.get(usize::try_from(index).ok()?)?[0].as_str()?));
    rows.iter()
        .filter_map(|row| {
            let stamp = row[1].as_array().and_then(|stamp| Some((stamp.first()?.as_u64()?, stamp.get(1)?.as_u64()?)));
            let asked = row[2].as_array()?.iter().filter_map(|index| path(index.as_u64()?)).collect();
            let findings = (!row[3].is_null()).then(|| row[3].clone());
            Some((PathBuf::from(row[0].as_str()?), Entry { stamp, asked, findings }))
        })
        .collect()
}

/// Findings as they are kept. Those in notebooks, and of files that cannot be read or parsed, are not.
fn told(path: &Path, findings: &[Finding]) -> Option<Value> {
    if path.extension().is_some_and(|suffix| suffix == "ipynb") {
        return None;
    }
    findings.iter().map(kept_finding).collect::<Option<Vec<_>>>().map(Value::Array)
}

fn kept_finding(finding: &Finding) -> Option<Value> {
    let edits =
        |fix: &Fix| fix.edits.iter().map(|edit| json!([kept_place(&edit.place), edit.replacement])).collect::<Vec<_>>();
    Some(json!([
        finding.code?,
        finding.severity.name(),
        finding.title,
        kept_label(&finding.primary),
        finding.secondary.iter().map(kept_label).collect::<Vec<_>>(),
        finding.notes,
        finding.help,
        finding.fix.as_ref().map(|fix| json!([fix.title, fix.safe, edits(fix)])),
    ]))
}

fn kept_label(label: &Label) -> Value {
    json!([kept_place(&label.place), label.text])
}

fn kept_place(place: &Place) -> Value {
    let here = std::env::current_dir().unwrap_or_default();
    json!([here.join(place.source().path()).to_str(), place.range().start, place.range().end])
}

type Sources = FxHashMap<PathBuf, Arc<Source>>;

fn restore(kept: &Value, here: &Path, sources: &mut Sources) -> Option<Vec<Finding>> {
    kept.as_array()?.iter().map(|finding| restore_finding(finding, here, sources)).collect()
}

fn restore_finding(kept: &Value, here: &Path, sources: &mut Sources) -> Option<Finding> {
    let rule = find(kept[0].as_str()?)?;
    let severity = match kept[1].as_str()? {
        "error" => Severity::Error,
        "warning" => Severity::Warning,
        _ => Severity::Hint,
    };
    let primary = restore_label(&kept[3], here, sources)?;
    let mut finding = Finding::new(rule.code, rule.name, severity, kept[2].as_str()?, primary.place);
    finding.primary.text = primary.text;
    for label in kept[4].as_array()? {
        finding.secondary.push(restore_label(label, here, sources)?);
    }
    finding.notes = kept[5].as_array()?.iter().filter_map(|note| note.as_str().map(str::to_owned)).collect();
    finding.help = kept[6].as_str().map(str::to_owned);
    if let Some(fix) = kept[7].as_array() {
        let mut edits = Vec::new();
        for edit in fix.get(2)?.as_array()? {
            let place = restore_place(&edit[0], here, sources)?;
            edits.push(Edit { place, replacement: edit[1].as_str()?.to_owned() });
        }
        finding.fix = Some(Fix { title: fix[0].as_str()?.to_owned(), safe: fix[1].as_bool()?, edits });
    }
    Some(finding)
}

fn restore_label(kept: &Value, here: &Path, sources: &mut Sources) -> Option<Label> {
    Some(Label { place: restore_place(&kept[0], here, sources)?, text: kept[1].as_str()?.to_owned() })
}

fn restore_place(kept: &Value, here: &Path, sources: &mut Sources) -> Option<Place> {
    let path = PathBuf::from(kept[0].as_str()?);
    let (start, end) = (usize::try_from(kept[1].as_u64()?).ok()?, usize::try_from(kept[2].as_u64()?).ok()?);
    if !sources.contains_key(&path) {
        // A text that is not its file's bytes has other offsets: such a file is checked anew.
        let text = String::from_utf8(std::fs::read(&path).ok()?).ok().filter(|text| !text.starts_with('\u{feff}'))?;
        sources.insert(path.clone(), Source::new(shown(&path, here), text));
    }
    Some(sources.get(&path)?.place(start..end))
}
