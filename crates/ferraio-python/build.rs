//! Passes the version of the Python we build for to the code, as `cfg(Py_3_x)`, and the pages of the rules.

use std::fmt::Write;
use std::path::{Path, PathBuf};
use std::{env, fs, io};

fn main() -> io::Result<()> {
    pyo3_build_config::use_pyo3_cfgs();
    list_rule_pages()
}

/// Writes the array that `diagnose/rule_pages.rs` includes: `docs/rules/FER001.md` becomes `("FER001", include_str!(…))`.
fn list_rule_pages() -> io::Result<()> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/rules").canonicalize()?;
    println!("cargo::rerun-if-changed={}", folder.display());
    let mut pages: Vec<PathBuf> = fs::read_dir(&folder)?.map(|entry| Ok(entry?.path())).collect::<io::Result<_>>()?;
    pages.retain(|page| page.extension().is_some_and(|extension| extension == "md"));
    pages.sort();
    let mut array = String::from("&[");
    for page in &pages {
        let code = page.file_stem().unwrap_or_default().to_string_lossy();
        write!(array, "({code:?}, include_str!({page:?})), ").map_err(io::Error::other)?;
    }
    array.push(']');
    let out = PathBuf::from(env::var_os("OUT_DIR").ok_or(io::ErrorKind::NotFound)?);
    fs::write(out.join("rule_pages.rs"), array)
}
