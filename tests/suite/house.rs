//! The import rule (docs/architecture.md, "Who may import whom"): a room imports from its own storey or from below, a domain
//! only from domains listed before it, no room imports in a circle, no `store` is named outside of its domain, and the writer
//! knows conversations alone. The house stands in two crates: the two lower storeys in `kefu-foundation`, the others in `kefu`.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

/// A module's path within the crate, as in `["message", "store"]`.
type Module = Vec<String>;

/// The folders of the two crates, below the package's.
const FOUNDATION: &str = "foundation/src";
const UPPER: &str = "src";

/// The domains in their order: each may import those before it.
const DOMAINS: [&str; 12] = [
    "audit",
    "tenant",
    "channel",
    "account",
    "agent",
    "auth",
    "api_key",
    "file",
    "conversation",
    "task",
    "message",
    "visitor",
];

/// The storey of a module; `None` for one that has been given none yet.
fn storey(module: &Module) -> Option<u8> {
    let names: Vec<&str> = module.iter().map(String::as_str).collect();
    Some(match names.as_slice() {
        [] | ["lib" | "main" | "app" | "cli" | "routes", ..] => 7,
        ["fact", "table"] => 4,
        [
            "id" | "clock" | "error" | "settings" | "access" | "fact" | "text" | "origin" | "credential" | "backoff",
            ..,
        ] => 1,
        ["db" | "http" | "ws" | "push" | "job" | "limit" | "telemetry", ..] => 2,
        ["socket" | "health" | "shop" | "import" | "web", ..] | [_, "api", ..] => 6,
        ["writer", ..] => 4,
        // A domain's commands go through the writer.
        ["message", "send" | "read" | "resync" | "imported", ..] => 5,
        ["conversation", "open" | "pin" | "delete" | "mark_unread", ..] => 5,
        ["task", "rounds" | "serve" | "clerk", ..] => 5,
        ["visitor", "link", ..] => 5,
        [domain, ..] if DOMAINS.contains(domain) => 3,
        _ => return None,
    })
}

/// The text of every module, tests left out; of one that stands in both crates, as `fact` does, both texts.
fn texts() -> BTreeMap<Module, String> {
    let mut texts: BTreeMap<Module, String> = BTreeMap::new();
    for (module, text) in [FOUNDATION, UPPER].into_iter().flat_map(texts_in) {
        let whole = texts.entry(module).or_default();
        whole.push_str(&text);
        whole.push('\n');
    }
    texts
}

/// The same of one crate.
fn texts_in(folder: &str) -> BTreeMap<Module, String> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join(folder);
    let mut files = Vec::new();
    collect(&root, &mut files);
    files
        .iter()
        .filter(|file| !file.to_string_lossy().ends_with("tests.rs"))
        .map(|file| (module_of(file.strip_prefix(&root).unwrap()), code(&std::fs::read_to_string(file).unwrap())))
        .collect()
}

/// Every module with the modules that its text names, tests left out.
fn house() -> BTreeMap<Module, BTreeSet<Module>> {
    let modules = texts();
    let known: BTreeSet<Module> = modules.keys().cloned().collect();
    let imports = |module: &Module, text: &str| -> BTreeSet<Module> {
        let paths = paths(module, text).into_iter();
        paths.filter_map(|path| deepest(&known, path)).filter(|named| named != module).collect()
    };
    modules.iter().map(|(module, text)| (module.clone(), imports(module, text))).collect()
}

fn collect(folder: &Path, files: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            collect(&path, files);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            files.push(path);
        }
    }
}

fn module_of(file: &Path) -> Module {
    let mut names: Module = file.with_extension("").iter().map(|name| name.to_string_lossy().into_owned()).collect();
    if names.last().is_some_and(|name| name == "mod" || name == "lib") {
        names.pop();
    }
    names
}

/// A file's text without comments and without its unit tests, which may import what they like.
fn code(text: &str) -> String {
    let text = text.split("#[cfg(test)]\nmod tests {").next().unwrap_or_default();
    text.lines().map(|line| line.split("//").next().unwrap_or_default()).collect::<Vec<_>>().join("\n")
}

/// Every path in the text that begins with `crate::`, with the other crate's name or, in a `use`, with `super::`.
fn paths(module: &Module, text: &str) -> Vec<Module> {
    let mut found = Vec::new();
    for root in ["crate::", "kefu_foundation::"] {
        for (start, _) in text.match_indices(root) {
            // Not the crate of a macro, nor `pub(crate)::`.
            if !text[..start].ends_with(['$', ':', '_']) {
                branch(&text[start + root.len()..], &mut Vec::new(), &mut found);
            }
        }
    }
    for (start, _) in text.match_indices("use super::") {
        let mut rest = &text[start + "use ".len()..];
        let mut above = module.clone();
        while let Some(after) = rest.strip_prefix("super::") {
            above.pop();
            rest = after;
        }
        branch(rest, &mut above, &mut found);
    }
    found
}

/// Reads `a::b::{c, d::e}` behind `prefix`; returns what follows.
fn branch<'a>(text: &'a str, prefix: &mut Module, found: &mut Vec<Module>) -> &'a str {
    let depth = prefix.len();
    let mut rest = text;
    loop {
        rest = rest.trim_start();
        if let Some(mut inner) = rest.strip_prefix('{') {
            loop {
                inner = branch(inner, prefix, found).trim_start();
                match inner.strip_prefix(',') {
                    Some(after) => inner = after,
                    None => break,
                }
            }
            prefix.truncate(depth);
            return inner.strip_prefix('}').unwrap_or(inner);
        }
        let end = rest.find(|letter: char| !letter.is_alphanumeric() && letter != '_').unwrap_or(rest.len());
        prefix.push(rest[..end].to_owned());
        rest = &rest[end..];
        match rest.strip_prefix("::") {
            Some(after) => rest = after,
            None => break,
        }
    }
    found.push(prefix.clone());
    prefix.truncate(depth);
    rest.strip_prefix(" as ")
        .map_or(rest, |after| after.trim_start_matches(|letter: char| letter.is_alphanumeric() || letter == '_'))
}

/// The module that a path leads into: its longest beginning that is one.
fn deepest(known: &BTreeSet<Module>, mut path: Module) -> Option<Module> {
    while !path.is_empty() {
        if known.contains(&path) {
            return Some(path);
        }
        path.pop();
    }
    None
}

fn name(module: &Module) -> String {
    if module.is_empty() { "lib".to_owned() } else { module.join("::") }
}

#[test]
fn every_room_imports_from_its_storey_or_from_below() {
    let mut broken = Vec::new();
    for (module, imports) in house() {
        let Some(own) = storey(&module) else {
            broken.push(format!("{} has no storey: give it one here and in docs/architecture.md", name(&module)));
            continue;
        };
        for other in imports {
            let up = storey(&other).is_none_or(|storey| storey > own);
            let place = |module: &Module| {
                DOMAINS.iter().position(|domain| Some(domain) == module.first().map(String::as_str).as_ref())
            };
            let later = own == 3 && storey(&other) == Some(3) && place(&other) > place(&module);
            // A folder's face hands its rooms on.
            let face = other.starts_with(&module);
            if (up || later) && !face {
                broken.push(format!("{} imports {}", name(&module), name(&other)));
            }
        }
    }
    assert!(broken.is_empty(), "{broken:#?}");
}

/// What the compiler then holds: the two lower storeys import nothing from above. Only the face of `fact` has a part in `kefu`.
#[test]
fn the_foundation_is_the_two_lower_storeys() {
    let mut broken = Vec::new();
    for (folder, is_lower) in [(FOUNDATION, true), (UPPER, false)] {
        let modules = texts_in(folder);
        assert!(modules.len() > 50, "{folder}: {}", modules.len());
        // Each crate has a root.
        let misplaced = modules.keys().filter(|module| {
            !module.is_empty()
                && storey(module).is_some_and(|storey| storey <= 2) != is_lower
                && (folder, name(module).as_str()) != (UPPER, "fact")
        });
        broken.extend(misplaced.map(|module| format!("{folder} has {}", name(module))));
    }
    assert!(broken.is_empty(), "{broken:#?}");
}

#[test]
fn no_store_is_named_outside_of_its_domain() {
    let mut broken = Vec::new();
    for (module, imports) in house() {
        let foreign = imports
            .iter()
            .filter(|other| other.get(1).is_some_and(|name| name == "store") && other.first() != module.first());
        broken.extend(foreign.map(|other| format!("{} names {}", name(&module), name(other))));
    }
    for (module, text) in texts() {
        if text.contains("pub(crate) mod store") || text.contains("pub mod store") {
            broken.push(format!("{} opens its store", name(&module)));
        }
    }
    assert!(broken.is_empty(), "{broken:#?}");
}

/// It is one of the model's common columns. Nothing sets it, so nothing reads it: what the service deletes is gone, or has a column
/// of its own that says who no longer sees it.
#[test]
fn no_statement_names_the_column_deleted() {
    let mut files = Vec::new();
    for folder in [FOUNDATION, UPPER] {
        collect(&Path::new(env!("CARGO_MANIFEST_DIR")).join(folder), &mut files);
    }
    let names_it = |file: &PathBuf| code(&std::fs::read_to_string(file).unwrap()).contains("::deleted");
    let broken: Vec<&PathBuf> = files.iter().filter(|file| names_it(file)).collect();
    assert!(broken.is_empty(), "{broken:#?}");
}

#[test]
fn the_writer_knows_conversations_and_no_other_domain() {
    let house = house();
    let of_writer = house.iter().filter(|(module, _)| module.first().is_some_and(|name| name == "writer"));
    let imported: BTreeSet<&str> = of_writer
        .flat_map(|(_, imports)| imports)
        .filter_map(|other| DOMAINS.into_iter().find(|domain| other.first().is_some_and(|name| name == domain)))
        .collect();
    assert_eq!(imported, ["conversation"].into());
}

#[test]
fn no_rooms_import_each_other_in_a_circle() {
    let house = house();
    // A folder's face hands its rooms on, which is no import of theirs.
    let edges =
        |module: &Module| house[module].iter().filter(|other| !other.starts_with(module)).cloned().collect::<Vec<_>>();
    let mut done = BTreeSet::new();
    for start in house.keys() {
        let mut way: Vec<(Module, Vec<Module>)> = vec![(start.clone(), edges(start))];
        while let Some((_, left)) = way.last_mut() {
            match left.pop() {
                Some(next) if done.contains(&next) => {}
                Some(next) => {
                    let circle: Vec<String> =
                        way.iter().map(|(module, _)| name(module)).skip_while(|on| *on != name(&next)).collect();
                    assert!(circle.is_empty(), "a circle: {circle:?}");
                    way.push((next.clone(), edges(&next)));
                }
                None => {
                    let (module, _) = way.pop().unwrap();
                    done.insert(module);
                }
            }
        }
    }
}
