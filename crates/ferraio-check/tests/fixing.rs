//! `--fix`: what a program looks like afterwards, written as its file was.

use std::path::PathBuf;

use ferraio_check::{Environment, command};

/// Write a file, fix it with the rules that are on by default, and return what is in it then, with what was said.
fn fixed(name: &str, content: impl AsRef<[u8]>) -> (Vec<u8>, String) {
    let folder = std::env::temp_dir().join(format!("ferraio-fix-{}-{}", std::process::id(), name.replace('.', "-")));
    std::fs::create_dir_all(&folder).expect("it can be made");
    let path: PathBuf = folder.join(name);
    std::fs::write(&path, content).expect("it can be written");
    let arguments = ["--isolated", "--no-cache", "--fix", "--output-format", "concise"];
    let mut arguments: Vec<String> = arguments.map(str::to_owned).to_vec();
    arguments.push(path.display().to_string());
    let outcome = command(&arguments, &Environment::default(), false);
    let content = std::fs::read(&path).expect("it is still there");
    std::fs::remove_dir_all(&folder).expect("it can be removed");
    (content, outcome.output)
}

fn fixed_text(name: &str, content: &str) -> String {
    String::from_utf8(fixed(name, content).0).expect("it is text")
}

#[test]
fn await_is_added_in_brackets_where_they_are_needed() {
    let before =
        "async def size(): ...\n\nasync def main():\n    size()\n    size().bit_length()\n    if size(): pass\n";
    let after = "async def size(): ...\n\nasync def main():\n    await size()\n    (await size()).bit_length()\n    if await size(): pass\n";
    assert_eq!(fixed_text("brackets.py", before), after);
}

#[test]
fn the_import_of_asyncio_goes_below_the_docstring_and_the_future() {
    let before = "\"\"\"Slow.\"\"\"\nfrom __future__ import annotations\n\nasync def main():\n    import time\n    time.sleep(1)\n";
    let after = "\"\"\"Slow.\"\"\"\nfrom __future__ import annotations\n\nimport asyncio\nasync def main():\n    import time\n    await asyncio.sleep(1)\n";
    assert_eq!(fixed_text("docstring.py", before), after);
}

#[test]
fn a_sleep_that_is_awaited_already_is_awaited_once() {
    let before = "import asyncio\nimport time\n\nasync def main():\n    await time.sleep(1)\n";
    assert!(fixed_text("awaited.py", before).contains("\n    await asyncio.sleep(1)\n"));
}

#[test]
fn a_file_keeps_its_encoding_and_its_line_ends() {
    let (marked, _) = fixed("marked.py", "\u{feff}async def f(): ...\r\nasync def g():\r\n    f()\r\n");
    assert_eq!(marked, "\u{feff}async def f(): ...\r\nasync def g():\r\n    await f()\r\n".as_bytes());
    let (latin, _) = fixed("latin.py", b"# coding: latin-1\nx = '\xe4'\nasync def f(): ...\nasync def g():\n    f()\n");
    assert_eq!(latin, b"# coding: latin-1\nx = '\xe4'\nasync def f(): ...\nasync def g():\n    await f()\n");
}

#[test]
fn cells_of_a_notebook_are_fixed_and_the_rest_stays_as_it_is() {
    let notebook = r##"{
 "cells": [
  {
   "cell_type": "code",
   "execution_count": 1,
   "metadata": {},
   "outputs": [],
   "source": [
    "# größe\n",
    "async def size():\n",
    "    return 3"
   ]
  },
  {
   "cell_type": "markdown",
   "metadata": {},
   "source": "size()"
  },
  {
   "cell_type": "code",
   "execution_count": null,
   "metadata": {},
   "outputs": [],
   "source": [
    "size()\n",
    "await size()"
   ]
  }
 ],
 "metadata": {
  "language_info": {
   "name": "python"
  }
 },
 "nbformat": 4,
 "nbformat_minor": 5
}
"##;
    let (after, said) = fixed("notebook.ipynb", notebook);
    let expected = notebook.replace("\"size()\\n\"", "\"await size()\\n\"");
    assert_eq!(String::from_utf8(after).expect("it is text"), expected);
    assert!(said.contains("1 fixed, 0 remaining"), "{said}");
}

#[test]
fn what_is_not_safe_is_only_shown() {
    let before = "import asyncio\nasync def f(): ...\nasync def main():\n    asyncio.run(f())\n";
    assert_eq!(fixed_text("unsafe.py", before), before);
}
