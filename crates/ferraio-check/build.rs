//! Tells the code which build it is, so that it does not take over what another one has found (`cache.rs`).

use std::collections::hash_map::DefaultHasher;
use std::hash::{Hash, Hasher};
use std::path::{Path, PathBuf};
use std::{fs, io};

fn main() -> io::Result<()> {
    let mut hasher = DefaultHasher::new();
    for place in ["Cargo.toml", "src", "../ferraio-report/src"] {
        println!("cargo::rerun-if-changed={place}");
        for file in files_below(Path::new(place))? {
            fs::read(file)?.hash(&mut hasher);
        }
    }
    println!("cargo::rustc-env=FERRAIO_CHECK_BUILD={:016x}", hasher.finish());
    Ok(())
}

/// All files of a folder and those below, in a certain order; a file is itself.
fn files_below(place: &Path) -> io::Result<Vec<PathBuf>> {
    if !place.is_dir() {
        return Ok(vec![place.to_path_buf()]);
    }
    let mut entries = fs::read_dir(place)?.map(|entry| Ok(entry?.path())).collect::<io::Result<Vec<_>>>()?;
    entries.sort();
    let files = entries.iter().map(|entry| files_below(entry)).collect::<io::Result<Vec<_>>>()?;
    Ok(files.into_iter().flatten().collect())
}
