//! The checker, for Python: `ferraio check`, and what `ferraio run` asks it before a script runs.
//!
//! The checker knows nothing of the interpreter; it works without the GIL and gives back text.

use std::path::PathBuf;

use ferraio_check::{Environment, PythonVersion, check_script, command, explain};
use ferraio_core::sys::memory::take_in_large_steps;

use crate::ffi::exception::type_error;
use crate::ffi::{Args, Obj, Raised, Result, thread};

/// `_check(arguments, libraries, minor, is_terminal, is_alone)`: the exit status, what to print, what went wrong.
pub fn check(args: Args<'_>) -> Result<Obj> {
    let [arguments, libraries, minor, is_terminal, is_alone] = args.positional else {
        return Err(Raised::text(&type_error(), "_check() takes 5 positional arguments"));
    };
    let arguments = texts(arguments)?;
    let environment = environment(libraries, minor)?;
    let is_terminal = is_terminal.truth()?;
    if is_alone.truth()? {
        take_in_large_steps();
    }
    let outcome = thread::detached(move || command(&arguments, &environment, is_terminal));
    Obj::tuple([Obj::int(outcome.status.into())?, Obj::str(&outcome.output)?, Obj::str(&outcome.errors)?])
}

/// `_check_script(path, libraries, minor, ignored, concise, colour)`: what is wrong with a script, each finding as (code,
/// line, column in bytes from 0, text).
pub fn script(args: Args<'_>) -> Result<Obj> {
    let [path, libraries, minor, ignored, concise, colour] = args.positional else {
        return Err(Raised::text(&type_error(), "_check_script() takes 6 positional arguments"));
    };
    let path = PathBuf::from(path.as_text()?);
    let environment = environment(libraries, minor)?;
    let ignored = texts(ignored)?;
    let (concise, colour) = (concise.truth()?, colour.truth()?);
    let found = thread::detached(move || {
        let mut found = check_script(&path, &environment);
        found.retain(|finding| !ignored.iter().any(|code| finding.code == Some(code)));
        for finding in &mut found {
            finding.notes.push("seen in the source, before the program runs".into());
        }
        found
    });
    let findings = found.iter().map(|finding| {
        let place = &finding.primary.place;
        let text = if concise { finding.concise() + "\n" } else { finding.full(colour) + "\n\n" };
        Obj::tuple([
            Obj::str(finding.code.unwrap_or_default())?,
            Obj::int(place.start().line as i64)?,
            Obj::int(place.column_in_bytes() as i64)?,
            Obj::str(&text)?,
        ])
    });
    Obj::list_from(findings.collect::<Result<Vec<Obj>>>()?.into_iter())
}

/// `_explain_rule(rule)`: the page of a rule, by its code or name, or None.
pub fn explain_rule(args: Args<'_>) -> Result<Obj> {
    let [rule] = args.positional else {
        return Err(Raised::text(&type_error(), "_explain_rule() takes 1 positional argument"));
    };
    match explain(&rule.as_text()?) {
        Some(page) => Obj::str(&page),
        None => Ok(Obj::none()),
    }
}

fn environment(libraries: &Obj, minor: &Obj) -> Result<Environment> {
    let libraries = texts(libraries)?.into_iter().map(PathBuf::from).collect();
    let minor = u8::try_from(minor.as_i64()?).unwrap_or_default();
    Ok(Environment { libraries, version: Some(PythonVersion { major: 3, minor }) })
}

fn texts(list: &Obj) -> Result<Vec<String>> {
    let mut texts = Vec::new();
    list.for_each(|item| {
        texts.push(item.as_text()?);
        Ok(())
    })?;
    Ok(texts)
}
