//! Where the standard library and the installed packages are.
//!
//! As ruff and its kin find them: the environment that is named, the active one, `.venv` in the project; else that of
//! the Python that asks.

use std::path::{Path, PathBuf};

use ruff_python_ast::PythonVersion;

/// The Python that the code is to run on.
#[derive(Clone, Debug, Default)]
pub struct Environment {
    /// The folders that modules are imported from, besides the project's.
    pub libraries: Vec<PathBuf>,
    /// Its version, if it is known.
    pub version: Option<PythonVersion>,
}

impl Environment {
    /// Find the environment of a project. `named` is what the user named, `own` that of the Python that asks.
    pub fn find(named: Option<&Path>, project: &Path, own: &Environment) -> Result<Self, String> {
        if let Some(named) = named {
            return Self::of_prefix(named)
                .or_else(|| Self::of_prefix(named.parent()?.parent()?))
                .ok_or_else(|| format!("no Python environment at {}", named.display()));
        }
        let active = std::env::var_os("VIRTUAL_ENV").map(PathBuf::from);
        let found = active.iter().chain([&project.join(".venv")]).find_map(|prefix| Self::of_prefix(prefix));
        Ok(found.unwrap_or_else(|| own.clone()).with_links())
    }

    /// The environment in a folder.
    pub fn of_prefix(prefix: &Path) -> Option<Self> {
        let (library, minor) = versioned(&prefix.join("lib")).or_else(|| {
            let windows = prefix.join("Lib");
            windows.join("site-packages").is_dir().then_some((windows, 0))
        })?;
        let mut libraries = Vec::new();
        let base = std::fs::read_to_string(prefix.join("pyvenv.cfg")).ok().and_then(|config| {
            let home = config.lines().find_map(|line| line.strip_prefix("home"))?;
            Some(PathBuf::from(home.trim_start().strip_prefix('=')?.trim()))
        });
        if let Some(base) = base.as_deref().and_then(Path::parent) {
            libraries.push(base.join("lib").join(library.file_name()?));
            libraries.push(base.join("Lib"));
        }
        libraries.push(library.join("site-packages"));
        libraries.push(library);
        libraries.retain(|library| library.is_dir());
        let version = (minor > 0).then_some(PythonVersion { major: 3, minor });
        Some(Self { libraries, version }.with_links())
    }

    /// Add what `.pth` files lead to: packages that are worked on.
    fn with_links(mut self) -> Self {
        let mut linked = Vec::new();
        for library in &self.libraries {
            let Ok(entries) = std::fs::read_dir(library) else { continue };
            let mut links: Vec<PathBuf> = entries.flatten().map(|entry| entry.path()).collect();
            links.retain(|path| path.extension().is_some_and(|suffix| suffix == "pth"));
            links.sort();
            for link in links {
                let text = std::fs::read_to_string(&link).unwrap_or_default();
                let paths = text.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with("import"));
                linked.extend(paths.map(|line| library.join(line)).filter(|path| path.is_dir()));
            }
        }
        for path in linked {
            if !self.libraries.contains(&path) {
                self.libraries.push(path);
            }
        }
        self
    }
}

/// `lib/python3.13`, the newest if there are several.
fn versioned(library: &Path) -> Option<(PathBuf, u8)> {
    let entries = std::fs::read_dir(library).ok()?;
    entries
        .flatten()
        .filter_map(|entry| {
            let minor = entry.file_name().to_str()?.strip_prefix("python3.")?.parse().ok()?;
            Some((entry.path(), minor))
        })
        .max_by_key(|(_, minor)| *minor)
}
