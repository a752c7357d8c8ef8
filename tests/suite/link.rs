//! Links into the documents, from comments and from each other, lead to a heading that exists.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

/// Where links are looked for, and the documents that they may name.
const PLACES: [&str; 9] = [
    "src",
    "foundation/src",
    "schema/src",
    "tests",
    "bench/src",
    "docs",
    "README.md",
    "README.zh-CN.md",
    "CONTRIBUTING.md",
];

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// The text files below a place, with their texts.
fn texts(place: &Path) -> Vec<(PathBuf, String)> {
    if place.is_dir() {
        let entries = fs::read_dir(place).unwrap().map(|entry| entry.unwrap().path());
        return entries.flat_map(|path| texts(&path)).collect();
    }
    let is_text = place.extension().is_some_and(|kind| kind == "rs" || kind == "md");
    if is_text { vec![(place.to_owned(), fs::read_to_string(place).unwrap())] } else { Vec::new() }
}

/// The anchors of a document, made from its headings as GitHub makes them.
fn anchors(document: &str) -> BTreeSet<String> {
    let mut in_code = false;
    let headings = document.lines().filter(|line| {
        in_code ^= line.starts_with("```");
        !in_code && line.starts_with('#')
    });
    let anchor = |heading: &str| {
        let text = heading.trim_start_matches('#').trim().to_lowercase();
        text.chars()
            .filter(|letter| letter.is_alphanumeric() || matches!(letter, ' ' | '-' | '_'))
            .map(|letter| if letter == ' ' { '-' } else { letter })
            .collect::<String>()
    };
    headings.map(anchor).collect()
}

/// The links `name.md#anchor` and `(#anchor)` of a text, with the document's name, empty for the text itself.
fn links(text: &str) -> Vec<(String, String)> {
    let of_name = |letter: char| letter.is_alphanumeric() || matches!(letter, '-' | '_' | '.');
    let mut found = Vec::new();
    for (place, _) in text.match_indices('#') {
        let (before, after) = (&text[..place], &text[place + 1..]);
        let end = after.find(|letter: char| !(letter.is_alphanumeric() || matches!(letter, '-' | '_')));
        let anchor = after[..end.unwrap_or(after.len())].to_owned();
        let start = before.rfind(|letter| !of_name(letter)).map_or(0, |place| place + 1);
        let name = before.get(start..).unwrap_or_default();
        if name.ends_with(".md") {
            found.push((name.to_owned(), anchor));
        } else if before.ends_with("](") {
            found.push((String::new(), anchor));
        }
    }
    found
}

#[test]
fn every_link_to_a_section_leads_to_one() {
    let files: Vec<_> = PLACES.iter().flat_map(|place| texts(&root().join(place))).collect();
    let documents: BTreeMap<String, BTreeSet<String>> = files
        .iter()
        .filter(|(path, _)| path.extension().is_some_and(|kind| kind == "md"))
        .map(|(path, text)| (path.file_name().unwrap().to_str().unwrap().to_owned(), anchors(text)))
        .collect();
    let (mut checked, mut broken) = (0, Vec::new());
    for (path, text) in &files {
        // This file's own examples lead nowhere.
        if path.ends_with("link.rs") {
            continue;
        }
        for (name, anchor) in links(text) {
            let own = path.file_name().unwrap().to_str().unwrap();
            let document = if name.is_empty() { own } else { &name };
            checked += 1;
            if !documents.get(document).is_some_and(|anchors| anchors.contains(&anchor)) {
                broken.push(format!("{}: {document}#{anchor}", path.display()));
            }
        }
    }
    assert!(broken.is_empty(), "{broken:#?}");
    assert!(checked > 40, "links are not found any more: {checked}");
}

#[test]
fn the_contract_is_cited_by_its_sections() {
    let vague: Vec<String> = ["src", "foundation/src", "tests"]
        .iter()
        .flat_map(|place| texts(&root().join(place)))
        .filter(|(path, text)| !path.ends_with("link.rs") && text.contains("(contract"))
        .map(|(path, _)| path.display().to_string())
        .collect();
    assert!(vague.is_empty(), "name the section of docs/contract.md: {vague:?}");
}
