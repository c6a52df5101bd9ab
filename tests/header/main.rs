//! What `include/lucidlink.h` says of itself: a declaration that does not tell its caller all is refused.
#![allow(clippy::unwrap_used, clippy::panic)]

const HEADER: &str = include_str!("../../include/lucidlink.h");

/// A declaration, a struct's field or a macro, and the comment above it.
struct Item {
    doc: Option<String>,
    code: String,
}

impl Item {
    fn is_function(&self) -> bool {
        self.code.starts_with("LL_API")
    }

    fn name(&self) -> &str {
        if let Some(of) = self.code.strip_prefix("#define ") {
            return of.split([' ', '(']).next().unwrap_or_default();
        }
        // A function's name is before its parameters, a function pointer's in the parentheses before them.
        let end = if self.is_function() { self.code.find('(') } else { self.code.find(")(") };
        last_word(self.code[..end.unwrap_or(self.code.len())].trim_end_matches([' ', '{', ';']))
    }

    /// The parameters of a function: type and name.
    fn parameters(&self) -> Vec<(&str, &str)> {
        let Some((_, list)) = self.code.split_once('(') else { return Vec::new() };
        let list = list.trim_end_matches([')', ';']);
        let parameters = list.split(',').map(str::trim).filter(|p| *p != "void");
        parameters.map(|p| (p.trim_end_matches(last_word(p)).trim(), last_word(p))).collect()
    }
}

fn last_word(text: &str) -> &str {
    text.rsplit(|c: char| !c.is_alphanumeric() && c != '_').next().unwrap_or_default()
}

/// The header's items. Macros that stand together share the comment above them.
fn items(header: &str) -> Vec<Item> {
    let mut items = Vec::new();
    let (mut doc, mut code, mut in_comment) = (None::<String>, String::new(), false);
    for line in header.lines().map(str::trim) {
        if in_comment || line.starts_with("/*") {
            let text = doc.get_or_insert_default();
            text.push_str(line.trim_start_matches(['/', '*', ' ']).trim_end_matches(['/', '*']));
            text.push(' ');
            in_comment = !line.ends_with("*/");
        } else if line.is_empty() {
            doc = None;
        } else if line.starts_with("#define ") {
            items.push(Item { doc: doc.clone(), code: line.to_owned() });
        } else if !line.starts_with(['#', '}']) {
            code.push_str(line);
            code.push(' ');
            if line.ends_with([';', '{']) {
                items.push(Item { doc: doc.take(), code: std::mem::take(&mut code).trim_end().to_owned() });
            }
        }
    }
    let plumbing = ["LUCIDLINK_H", "LL_API"];
    items.retain(|item| item.code != "extern \"C\" {" && !plumbing.contains(&item.name()));
    items
}

/// The types that are handles.
fn handles(items: &[Item]) -> Vec<&str> {
    items.iter().filter(|item| item.code.starts_with("typedef uint64_t ")).map(Item::name).collect()
}

/// Everything that the documentation of the header leaves out.
fn complaints(header: &str) -> Vec<String> {
    let items = items(header);
    let handles = handles(&items);
    let mut complaints = Vec::new();
    for item in &items {
        let mut complain = |what: String| complaints.push(format!("{}: {what}", item.name()));
        let Some(doc) = &item.doc else {
            complain("it has no comment".into());
            continue;
        };
        let tags = ["@param ", "@return ", "@since ", "Ownership: ", "Threads: "];
        let start = tags.iter().filter_map(|tag| doc.find(tag)).min().unwrap_or(doc.len());
        if !doc[..start].trim_end().ends_with('.') {
            complain("it has no sentence that says what it is".into());
        }
        if (item.is_function() || item.code.starts_with("typedef")) && !doc.contains("@since ") {
            complain("it does not say since when it is there (@since)".into());
        }
        if item.is_function() {
            function_complaints(item, doc, &handles).into_iter().for_each(complain);
        }
    }
    complaints
}

fn function_complaints(function: &Item, doc: &str, handles: &[&str]) -> Vec<String> {
    let mut complaints = Vec::new();
    for section in ["Threads: ", "Blocking: ", "Errors: "] {
        if !doc.contains(section) {
            complaints.push(format!("it does not say {section:?}"));
        }
    }
    let documented: Vec<&str> =
        doc.split("@param ").skip(1).map(|rest| rest.split(' ').next().unwrap_or_default()).collect();
    let parameters = function.parameters();
    let names: Vec<&str> = parameters.iter().map(|(_, name)| *name).collect();
    if documented != names {
        complaints.push(format!("it has the parameters {names:?} and documents {documented:?} (@param)"));
    }
    let gives_handle =
        parameters.iter().any(|(kind, _)| kind.strip_suffix(" *").is_some_and(|k| handles.contains(&k)));
    let gives_string = function.code.contains("LL_API const char *");
    if (gives_handle || gives_string) && !doc.contains("Ownership: ") {
        complaints.push("it hands something out and does not say whose it is (\"Ownership: \")".into());
    }
    complaints
}

#[test]
fn every_declaration_is_documented() {
    let complaints = complaints(HEADER);
    assert!(complaints.is_empty(), "include/lucidlink.h:\n{}", complaints.join("\n"));
}

#[test]
fn what_is_left_out_is_noticed() {
    let parts = [
        "@param status",
        "Threads: ",
        "Blocking: ",
        "Errors: ",
        "@since ",
        "Ownership: ",
        "Gives an account a role in a filespace, or changes it.",
    ];
    for part in parts {
        assert!(!complaints(&HEADER.replacen(part, "", 1)).is_empty(), "{part:?} was not missed");
    }
    let bare = HEADER.replacen("#ifdef __cplusplus", "LL_API void ll_bare(void);\n\n#ifdef __cplusplus", 1);
    assert_eq!(complaints(&bare), ["ll_bare: it has no comment"]);
}

#[test]
fn every_status_that_is_named_exists() {
    let items = items(HEADER);
    let defined: Vec<&str> =
        items.iter().map(Item::name).filter(|name| name.starts_with("LL_ERR_")).collect();
    let words = HEADER.split(|c: char| !c.is_alphanumeric() && c != '_');
    for word in words.filter(|word| word.starts_with("LL_ERR_") && *word != "LL_ERR_") {
        assert!(defined.contains(&word) || word == "LL_ERR_UNKNOWN", "{word} is named and not defined");
    }
}

/// Callers in C have a macro for each struct with a size, other languages a function.
#[test]
fn every_struct_with_a_size_has_its_initialisers() {
    let items = items(HEADER);
    let names: Vec<&str> = items.iter().map(Item::name).collect();
    let mut structs = 0;
    for pair in items.windows(2) {
        if let [of, first] = pair
            && first.name() == "struct_size"
        {
            structs += 1;
            let name = of.name();
            for initialiser in [format!("{}_INIT", name.to_uppercase()), format!("{name}_init")] {
                assert!(names.contains(&&*initialiser), "{name} has no {initialiser}");
            }
        }
    }
    assert!(structs >= 11, "only {structs} structs were found");
}

#[test]
fn the_version_is_the_crates() {
    let [major, minor, patch] = ["MAJOR", "MINOR", "PATCH"].map(|part| {
        let line = HEADER.lines().find_map(|line| line.strip_prefix(&*format!("#define LL_VERSION_{part} ")));
        line.unwrap().to_owned()
    });
    assert_eq!(format!("{major}.{minor}.{patch}"), env!("CARGO_PKG_VERSION"));
}
