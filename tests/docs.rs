//! What the documents point to is there: tests, files, sections, names of the C interface.
#![allow(clippy::unwrap_used, clippy::panic)]

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use lucidlink::daemon::config::KEYS;

/// The documents, with what is in them.
fn documents() -> Vec<(PathBuf, String)> {
    files("docs", &["md"]).into_iter().map(|path| (path.clone(), fs::read_to_string(path).unwrap())).collect()
}

/// The files below a folder of the repository that have one of these endings.
fn files(folder: &str, endings: &[&str]) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut pending = vec![PathBuf::from(folder)];
    while let Some(folder) = pending.pop() {
        for entry in fs::read_dir(&folder).unwrap() {
            let path = entry.unwrap().path();
            match path.extension().and_then(|e| e.to_str()) {
                _ if path.is_dir() => pending.push(path),
                Some(ending) if endings.contains(&ending) => found.push(path),
                _ => {}
            }
        }
    }
    found.sort();
    found
}

/// What stands between two marks, wherever in the text.
fn between<'a>(text: &'a str, open: &'a str, close: &'a str) -> impl Iterator<Item = &'a str> {
    text.split(open).skip(1).filter_map(move |rest| rest.split(close).next())
}

/// The text without its blocks of code.
fn prose(text: &str) -> String {
    text.split("```").step_by(2).collect()
}

/// The anchors of a document's headings, as they are made from their words.
fn anchors(text: &str) -> BTreeSet<String> {
    let headings = text.lines().filter(|l| l.starts_with('#')).map(|l| l.trim_start_matches('#').trim());
    let anchor = |heading: &str| -> String {
        let kept = heading.chars().filter(|c| c.is_alphanumeric() || matches!(c, ' ' | '-'));
        kept.map(|c| if c == ' ' { '-' } else { c.to_ascii_lowercase() }).collect()
    };
    headings.map(anchor).collect()
}

/// Whether a file has this test: in Rust a function marked as one, in C a function of a program.
fn has_test(file: &Path, name: &str) -> bool {
    let Ok(text) = fs::read_to_string(file) else { return false };
    let lines: Vec<&str> = text.lines().map(str::trim).collect();
    let is_definition = |line: &str| match file.extension().and_then(|e| e.to_str()) {
        Some("rs") => line.starts_with(&format!("fn {name}(")),
        _ => line.contains(&format!(" {name}(")) && !line.ends_with(';'),
    };
    let is_marked = |at: usize| {
        let above = lines[..at].iter().rev();
        let mut attributes = above.take_while(|l| l.starts_with("#[") || l.starts_with("//"));
        file.extension().is_some_and(|e| e == "c") || attributes.any(|l| *l == "#[test]")
    };
    (0..lines.len()).any(|at| is_definition(lines[at]) && is_marked(at))
}

/// A promise names `file::test`, an executable check, or says that there is none.
fn complaint(check: &str) -> Option<String> {
    let check = check.trim_matches('`');
    let found = match check.split_once("::") {
        _ if check == "untested" => true,
        Some((file, name)) => has_test(Path::new(file), name),
        None => Path::new(check).is_file() && check.starts_with("tests/"),
    };
    (!found).then(|| format!("there is no test {check}"))
}

#[test]
fn every_promise_names_a_test_that_exists() {
    let text = fs::read_to_string("docs/semantics.md").unwrap();
    let mut promises = 0;
    for table in text.split("\n\n").filter(|t| t.starts_with("| promise | test |")) {
        for row in table.lines().skip(2) {
            let cells: Vec<&str> = row.trim_matches('|').split(" | ").map(str::trim).collect();
            let [_, check] = cells[..] else { panic!("not PROMISE | TEST: {row}") };
            assert_eq!(complaint(check), None, "{row}");
            promises += 1;
        }
    }
    assert!(promises > 50, "only {promises} promises were found");
}

#[test]
fn a_test_that_is_gone_is_noticed() {
    assert_eq!(complaint("`tests/docs.rs::a_test_that_is_gone_is_noticed`"), None);
    assert_eq!(complaint("`src/log/folder/tests.rs::conforms`"), None);
    assert_eq!(complaint("untested"), None);
    for gone in ["`tests/docs.rs::complaint`", "`tests/docs.rs::gone`", "`gone.rs::gone`", "`tests/gone`"] {
        assert!(complaint(gone).is_some(), "{gone}");
    }
}

#[test]
fn every_link_leads_somewhere() {
    for (path, text) in documents() {
        for target in between(&prose(&text), "](", ")").filter(|t| !t.contains("://")) {
            let (file, anchor) = target.split_once('#').unwrap_or((target, ""));
            let file = if file.is_empty() { path.clone() } else { path.parent().unwrap().join(file) };
            assert!(file.exists(), "{}: {target} does not exist", path.display());
            let there = || anchors(&fs::read_to_string(&file).unwrap()).contains(anchor);
            assert!(anchor.is_empty() || there(), "{}: {target} has no such section", path.display());
        }
    }
}

/// Files of the source that a document names, and sections that the source names.
#[test]
fn documents_and_source_know_each_other() {
    for (path, text) in documents() {
        for quoted in between(&prose(&text), "`", "`").filter(|q| q.starts_with("src/") && !q.contains('<')) {
            let file = quoted.split("::").next().unwrap_or_default();
            assert!(Path::new(file).exists(), "{}: there is no {quoted}", path.display());
        }
    }
    for path in files("src", &["rs"]) {
        let source = fs::read_to_string(&path).unwrap();
        for after in source.split("docs/").skip(1) {
            let Some((document, rest)) = after.split_once(".md") else { continue };
            let document = format!("docs/{document}.md");
            let text = fs::read_to_string(&document);
            let text = text.unwrap_or_else(|_| panic!("{}: there is no {document}", path.display()));
            let Some(section) = rest.strip_prefix("`, \"").and_then(|r| r.split('"').next()) else {
                continue;
            };
            let there = text.lines().any(|l| l.trim_start_matches('#').trim() == section);
            assert!(there, "{}: {document} has no section {section:?}", path.display());
        }
    }
}

#[test]
fn every_name_of_the_c_interface_exists() {
    let header = fs::read_to_string("include/lucidlink.h").unwrap();
    let words = |text: &str| -> BTreeSet<String> {
        let is_name = |c: char| c.is_ascii_alphanumeric() || c == '_';
        text.split(|c| !is_name(c)).map(str::to_owned).collect()
    };
    let known = words(&header);
    for (path, text) in documents() {
        let names = words(&prose(&text)).into_iter().filter(|w| w.starts_with("ll_") || w.starts_with("LL_"));
        // `ll_status_*` and `LL_..._INIT` stand for several.
        for name in names.filter(|n| !n.ends_with('_')) {
            assert!(known.contains(&name), "{}: the header has no {name}", path.display());
        }
    }
}

#[test]
fn the_table_of_settings_is_what_the_library_has() {
    let text = fs::read_to_string("docs/c-conventions.md").unwrap();
    let section = between(&text, "### Settings\n", "\n### ").next().unwrap();
    let rows: Vec<&str> = section.lines().filter(|line| line.starts_with("| `")).collect();
    let expected: Vec<String> = KEYS
        .iter()
        .map(|info| {
            let default = if info.default.is_empty() { String::new() } else { format!("`{}`", info.default) };
            format!("| `{}` | {} | {default} | {} |", info.key, info.kind, info.meaning)
        })
        .collect();
    assert_eq!(rows, expected);
}
