//! All files that a run has to do with, and how an import finds its file.
//!
//! The files to check are read first, in parallel. What they import (from the project, the installed packages, the
//! standard library) is read when somebody asks for it, once. Who asked for which file is kept: that is what the cache
//! has to know.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use elsa::sync::FrozenVec;
use ruff_python_ast::ModExpression;
use ruff_python_parser::Parsed;
use rustc_hash::{FxHashMap as HashMap, FxHashSet as HashSet};

use crate::run::shown;
use crate::source::File;

/// What lives as long as the run: the trees that everything else refers to.
#[derive(Default)]
pub struct Storage {
    files: FrozenVec<Box<File>>,
    annotations: FrozenVec<Box<Parsed<ModExpression>>>,
}

/// Where a dotted name leads.
#[derive(Clone, Copy)]
pub enum Found<'a> {
    /// To a file.
    File(&'a File),
    /// To a folder without `__init__`.
    Folder,
}

/// A file that is read once, by whoever asks first.
type Slot<'a> = Arc<OnceLock<Option<&'a File>>>;

/// What is imported: by which file, with how many dots, under which name.
type Imported = (usize, u32, Box<str>);

/// All files that a run has to do with.
pub struct Program<'a> {
    storage: &'a Storage,
    /// Where the user's own modules begin.
    roots: Vec<PathBuf>,
    /// Where the standard library and the installed packages are.
    libraries: Vec<PathBuf>,
    /// Where the user is.
    here: PathBuf,
    by_path: Mutex<HashMap<PathBuf, Slot<'a>>>,
    /// What importing has led to: by the file that imports, the dots and the name.
    imports: Mutex<HashMap<Imported, Option<Found<'a>>>>,
    /// Which file a dotted name leads to, below which root.
    paths: Mutex<HashMap<(PathBuf, String), Option<PathBuf>>>,
    /// Who asked for which file.
    asked: Mutex<HashSet<(PathBuf, PathBuf)>>,
}

impl Storage {
    /// Keep the tree of an annotation that is written as a string.
    pub fn keep_annotation(&self, parsed: Parsed<ModExpression>) -> &ModExpression {
        self.annotations.push_get(Box::new(parsed)).syntax()
    }
}

impl<'a> Program<'a> {
    /// Begin with where modules are searched.
    pub fn new(storage: &'a Storage, roots: Vec<PathBuf>, libraries: Vec<PathBuf>) -> Self {
        Self {
            storage,
            roots,
            libraries,
            here: std::env::current_dir().unwrap_or_default(),
            by_path: Mutex::default(),
            imports: Mutex::default(),
            paths: Mutex::default(),
            asked: Mutex::default(),
        }
    }

    /// What lives as long as the run.
    pub fn storage(&self) -> &'a Storage {
        self.storage
    }

    /// Add a file of the user's.
    pub fn add(&self, file: File) -> &'a File {
        let file = self.storage.files.push_get(Box::new(file));
        let slot = self.slot(&file.path);
        slot.get_or_init(|| Some(file));
        file
    }

    /// Read a file of the user's, to be checked.
    pub fn read(&self, path: &Path, name: String) -> Result<&'a File, String> {
        File::read(path, name, true).map(|file| self.add(file))
    }

    /// Take the text of a file of the user's that is not read from where it would be.
    pub fn take(&self, path: &Path, name: String, bytes: Vec<u8>) -> Result<&'a File, String> {
        File::from_bytes(path, name, true, bytes).map(|file| self.add(file))
    }

    /// Who asked for which file, so far.
    pub fn asked(&self) -> HashSet<(PathBuf, PathBuf)> {
        self.asked.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Find the module that `from` imports as `level` dots and `name`.
    pub fn import(&self, from: &File, level: u32, name: &str) -> Option<Found<'a>> {
        let key = (std::ptr::from_ref(from) as usize, level, name.into());
        if let Some(known) = self.imports.lock().unwrap_or_else(PoisonError::into_inner).get(&key) {
            return *known;
        }
        let found = self.search(from, level, name);
        self.imports.lock().unwrap_or_else(PoisonError::into_inner).insert(key, found);
        found
    }

    fn search(&self, from: &File, level: u32, name: &str) -> Option<Found<'a>> {
        let path = if level == 0 {
            let mut roots: Vec<&Path> = Vec::new();
            if from.is_project {
                roots.push(&from.root);
                roots.extend(self.roots.iter().map(PathBuf::as_path));
            }
            roots.extend(self.libraries.iter().map(PathBuf::as_path));
            roots.into_iter().find_map(|root| self.below(root, name))?
        } else {
            let mut folder = from.path.parent()?;
            for _ in 1..level {
                folder = folder.parent()?;
            }
            self.below(folder, name)?
        };
        if path.extension().is_none() && path.is_dir() {
            return Some(Found::Folder);
        }
        self.file(&path, from).map(Found::File)
    }

    /// The file that a dotted name leads to, or the folder without `__init__`.
    fn below(&self, root: &Path, name: &str) -> Option<PathBuf> {
        let key = (root.to_path_buf(), name.to_owned());
        if let Some(known) = self.paths.lock().unwrap_or_else(PoisonError::into_inner).get(&key) {
            return known.clone();
        }
        let found = find_module(root, name);
        self.paths.lock().unwrap_or_else(PoisonError::into_inner).insert(key, found.clone());
        found
    }

    fn file(&self, path: &Path, from: &File) -> Option<&'a File> {
        if path != from.path {
            let edge = (from.path.clone(), path.to_path_buf());
            self.asked.lock().unwrap_or_else(PoisonError::into_inner).insert(edge);
        }
        let slot = self.slot(path);
        *slot.get_or_init(|| {
            let is_project = !self.libraries.iter().any(|library| path.starts_with(library))
                || self.roots.iter().any(|root| path.starts_with(root) && !in_environment(path, root));
            let file = File::read(path, shown(path, &self.here), is_project).ok()?;
            Some(self.storage.files.push_get(Box::new(file)))
        })
    }

    fn slot(&self, path: &Path) -> Slot<'a> {
        let mut by_path = self.by_path.lock().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(by_path.entry(path.to_path_buf()).or_default())
    }
}

/// Whether a file below a root of the project belongs to an environment that is kept there.
fn in_environment(path: &Path, root: &Path) -> bool {
    path.strip_prefix(root).is_ok_and(|below| below.components().any(|part| part.as_os_str() == "site-packages"))
}

/// Tell from which folder a file is imported, and under which name.
pub fn package_of(path: &Path) -> (PathBuf, String) {
    let mut folder = path.parent().map(Path::to_path_buf).unwrap_or_default();
    let stem = path.file_stem().map(|stem| stem.to_string_lossy().into_owned()).unwrap_or_default();
    let mut parts = Vec::new();
    if stem != "__init__" {
        parts.push(stem);
    }
    while ["__init__.py", "__init__.pyi"].iter().any(|init| folder.join(init).is_file()) {
        let (Some(name), Some(parent)) = (folder.file_name(), folder.parent()) else { break };
        let name = name.to_string_lossy();
        // Stubs of a package are the package, as far as anybody can see.
        parts.push(name.strip_suffix("-stubs").unwrap_or(&name).to_owned());
        folder = parent.to_path_buf();
    }
    parts.reverse();
    (folder, parts.join("."))
}

fn find_module(root: &Path, name: &str) -> Option<PathBuf> {
    let mut folder = root.to_path_buf();
    if name.is_empty() {
        return init_of(&folder).or_else(|| folder.is_dir().then_some(folder));
    }
    let mut parts = name.split('.').peekable();
    let mut first = true;
    while let Some(part) = parts.next() {
        let inner = folder.join(part);
        if parts.peek().is_none() {
            let module = || ["py", "pyi"].map(|suffix| folder.join(format!("{part}.{suffix}")));
            let stubs = || init_of(&folder.join(format!("{part}-stubs")));
            return init_of(&inner)
                .or_else(|| module().into_iter().find(|path| path.is_file()))
                .or_else(|| if first { stubs() } else { None })
                .or_else(|| inner.is_dir().then_some(inner));
        }
        if !inner.is_dir() {
            return None;
        }
        folder = inner;
        first = false;
    }
    None
}

fn init_of(folder: &Path) -> Option<PathBuf> {
    ["__init__.py", "__init__.pyi"].iter().map(|init| folder.join(init)).find(|path| path.is_file())
}
