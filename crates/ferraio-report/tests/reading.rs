//! What a reader sees of a finding.

use ferraio_report::{Edit, Finding, Fix, Label, Severity, Source};
use proptest::prelude::*;

const APP: &str = "async def save():\n    ...\n\nasync def main():\n    save()\n";

fn never_awaited() -> Finding {
    let source = Source::new("app.py", APP);
    let mut finding =
        Finding::new("FER001", "never-awaited", Severity::Error, "`save()` is never awaited", source.place(49..55));
    finding.primary.text = "this makes a coroutine and drops it".into();
    finding.secondary.push(Label { place: source.place(10..14), text: "an `async def`".into() });
    finding.notes.push("nothing in `save` runs".into());
    let edit = Edit { place: source.place(49..49), replacement: "await ".into() };
    finding.fix = Some(Fix { title: "add `await`".into(), edits: vec![edit], safe: true });
    finding
}

#[test]
fn in_full_it_shows_the_spot_and_the_line_to_write() {
    let shown = never_awaited().full(false);
    assert_eq!(
        shown,
        "\
error[FER001]: `save()` is never awaited
 --> app.py:5:5
  |
1 | async def save():
  |           ---- an `async def`
...
5 |     save()
  |     ^^^^^^ this makes a coroutine and drops it
  |
  = note: nothing in `save` runs
help: add `await`
  |
5 |     await save()
  |     +++++"
    );
}

#[test]
fn colours_are_there_only_if_wanted() {
    assert!(!never_awaited().full(false).contains('\u{1b}'));
    assert!(never_awaited().full(true).contains('\u{1b}'));
}

#[test]
fn concise_it_is_one_line_as_compilers_write_it() {
    assert_eq!(never_awaited().concise(), "app.py:5:5: FER001 `save()` is never awaited");
}

#[test]
fn as_json_it_has_the_keys_that_users_of_ruff_know() {
    let json = never_awaited().to_json();
    assert_eq!(json["code"], "FER001");
    assert_eq!(json["location"], serde_json::json!({"row": 5, "column": 5}));
    assert_eq!(json["fix"]["applicability"], "safe");
    assert_eq!(json["fix"]["edits"][0]["content"], "await ");
    assert_eq!(json["related"][0]["location"]["row"], 1);
}

#[test]
fn a_place_of_a_running_program_is_a_line_and_columns_in_bytes() {
    let source = Source::new("app.py", "x = 'ä'; save()\n");
    let place = source.place_at_lines(1..1, Some(10..16));
    assert_eq!(&source.text()[place.range()], "save()");
    assert_eq!(place.to_string(), "app.py:1:10");
}

#[test]
fn the_column_of_a_place_is_known_in_bytes_too() {
    let source = Source::new("app.py", "x = 1\né = save()\n");
    let place = source.place_at_lines(2..2, Some(5..11));
    assert_eq!((place.start().column, place.column_in_bytes()), (5, 5));
    assert_eq!(Source::without_text("app.py").place(0..0).column_in_bytes(), 0);
}

#[test]
fn a_place_without_columns_is_what_its_lines_say() {
    let source = Source::new("app.py", "if x:\r\n    save(\r\n    )  \r\n");
    let place = source.place_at_lines(2..3, None);
    assert_eq!(&source.text()[place.range()], "save(\r\n    )");
}

#[test]
fn without_text_the_place_is_still_named() {
    let source = Source::without_text("<string>");
    let place = source.place_at_lines(7..7, Some(4..10));
    let mut finding = Finding::new("FER001", "never-awaited", Severity::Error, "never awaited", place);
    finding.notes.push("a note".into());
    let shown = finding.full(false);
    assert!(shown.contains("<string>:7:5"), "{shown}");
    assert!(shown.contains("a note"), "{shown}");
}

#[test]
fn a_line_that_the_file_no_longer_has_is_still_named() {
    let place = Source::new("app.py", APP).place_at_lines(70..70, None);
    let shown = Finding::new("FER001", "never-awaited", Severity::Error, "never awaited", place).full(false);
    assert!(shown.contains("app.py:70"), "{shown}");
}

#[test]
fn other_files_get_an_excerpt_of_their_own() {
    let mut finding = never_awaited();
    let other = Source::new("store.py", "def load():\n\ttime.sleep(1)\n");
    finding.secondary.push(Label { place: other.place(13..26), text: "sleeps".into() });
    let shown = finding.full(false);
    assert!(shown.contains("::: store.py:2:2"), "{shown}");
    assert!(shown.contains("    time.sleep(1)"), "a tab is four columns: {shown}");
}

#[test]
fn of_a_very_long_line_only_the_surroundings_are_shown() {
    let text = format!("x = [{}, save(), {}]\n", "1, ".repeat(400_000), "2, ".repeat(400_000));
    let at = text.find("save").expect("it is there");
    let place = Source::new("long.py", text).place(at..at + 6);
    let shown = Finding::new("FER001", "never-awaited", Severity::Error, "never awaited", place).full(false);
    assert!(shown.len() < 2000, "{} bytes", shown.len());
    assert!(shown.contains("save()"), "{shown}");
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn nothing_panics_whatever_the_text_and_the_place(
        text in "(\\PC|\t|\r|\n|\r\n|\0|\u{1b}|世|👩‍👩‍👧|a\u{301}){0,60}",
        ranges in prop::collection::vec((0usize..300, 0usize..300), 1..4),
        lines in (0usize..80, 0usize..80),
        columns in prop::option::of((0usize..90, 0usize..90)),
        colour: bool,
    ) {
        let source = Source::new("any.py", text);
        let at_lines = source.place_at_lines(lines.0..lines.1, columns.map(|(from, to)| from..to));
        let mut finding = Finding::new("FER001", "never-awaited", Severity::Error, "any", at_lines);
        for (from, to) in ranges {
            let place = source.place(from..to);
            finding.secondary.push(Label { place: place.clone(), text: "here".into() });
            let edits = vec![Edit { place, replacement: "await ".into() }];
            finding.fix = Some(Fix { title: "fix".into(), edits, safe: true });
        }
        prop_assert!(!finding.full(colour).is_empty());
        prop_assert!(!finding.concise().is_empty());
        prop_assert!(!finding.to_json().to_string().is_empty());
    }
}
