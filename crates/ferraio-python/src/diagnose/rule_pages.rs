//! The pages of `docs/rules`, which travel with the extension.

use crate::error::Error;
use crate::ffi::{Args, Obj, Result};

/// Pairs of a code and its page, made by the build script.
static PAGES: &[(&str, &str)] = include!(concat!(env!("OUT_DIR"), "/rule_pages.rs"));

/// `_ferraio._rule_page(code)`: the text of a page, or None.
pub fn rule_page(args: Args<'_>) -> Result<Obj> {
    let [code] = args.positional else { return Err(Error::type_("_rule_page() takes 1 argument")) };
    let code = code.as_text()?;
    PAGES.iter().find(|(known, _)| *known == code).map_or_else(|| Ok(Obj::none()), |(_, page)| Obj::str(page))
}
