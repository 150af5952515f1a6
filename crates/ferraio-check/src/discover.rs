//! The files below the paths that are to be checked.

use std::path::{Path, PathBuf};

use ignore::WalkBuilder;

use crate::config::Config;

/// The files to check, in order, each with the configuration that holds for it; and what could not be looked into.
pub struct Discovered {
    /// The files, with the index of their configuration.
    pub files: Vec<(PathBuf, usize)>,
    /// Paths that are not there, or cannot be read, with the reason.
    pub errors: Vec<(PathBuf, String)>,
}

/// Find the files. A file that is named is checked whatever it is called, and, unless `force_exclude` is set, also where
/// it is left out otherwise.
pub fn discover(paths: &[(PathBuf, usize)], configs: &[Config], force_exclude: bool) -> Discovered {
    let mut found = Discovered { files: Vec::new(), errors: Vec::new() };
    for (path, index) in paths {
        let config = &configs[*index];
        if force_exclude && is_excluded(path, &config.root, config) {
            continue;
        }
        if path.is_file() {
            found.files.push((path.clone(), *index));
            continue;
        }
        // Environments hide themselves from git; whoever names a path inside one wants it checked.
        let is_installed = path.components().any(|part| part.as_os_str() == "site-packages");
        let mut builder = WalkBuilder::new(path);
        builder.hidden(false).parents(!is_installed).follow_links(false);
        builder.sort_by_file_path(Path::cmp);
        for entry in builder.build() {
            match entry {
                Ok(entry) => {
                    let is_python = entry
                        .path()
                        .extension()
                        .is_some_and(|suffix| ["py", "pyi", "pyw", "ipynb"].iter().any(|known| suffix == *known));
                    let is_file = entry.file_type().is_some_and(|kind| kind.is_file() || kind.is_symlink());
                    if is_file && is_python && entry.path().is_file() && !is_excluded(entry.path(), path, config) {
                        found.files.push((entry.into_path(), *index));
                    }
                }
                Err(error) => found.errors.push((path.clone(), error.to_string())),
            }
        }
    }
    found.files.sort();
    found.files.dedup_by(|one, other| one.0 == other.0);
    found
}

/// Whether a file, or a folder between it and the path that was named, is left out.
fn is_excluded(file: &Path, named: &Path, config: &Config) -> bool {
    file.ancestors().take_while(|path| *path != named).any(|path| config.excludes(path))
}
