//! What holds for every command: help, errors, pipes, terminals, secrets.

use std::fs::{self, OpenOptions};
use std::io::Read;
use std::process::{Command, Stdio};

use serde_json::{Value, json};

use crate::world::{World, noise};

#[test]
fn help_and_version() {
    let world = World::new();
    assert_eq!(world.ok(["--version"]), concat!("lucidlink ", env!("CARGO_PKG_VERSION"), "\n"));
    let help = world.ok(["help"]);
    assert_eq!(help, world.ok(["--help"]));
    assert!(help.contains("Exit status") && help.contains("LUCIDLINK_TOKEN") && help.contains("--json"));
    for command in [
        "workspace",
        "filespace",
        "account",
        "grant",
        "ls",
        "stat",
        "cat",
        "put",
        "get",
        "mkdir",
        "rm",
        "mv",
        "ln",
        "touch",
        "truncate",
        "tree",
        "du",
        "df",
        "quota",
        "sync",
        "xattr",
        "cp",
        "completions",
        "man",
    ] {
        let usage = world.ok(["help", command]);
        assert!(usage.contains(&format!("Usage: lucidlink {command}")), "{command}");
        assert!(usage.split_once("\nGlobal options:\n").expect(command).1.contains("--token"), "{command}");
        for text in [&help, &usage] {
            assert!(
                !text.contains(&world.token) && !text.contains(&world.url()),
                "{command} shows the environment"
            );
        }
    }
    world.fails(2, []);
    world.fails(2, ["nothing"]);
    world.fails(2, ["ls", "--nothing", "projects:/"]);
}

#[test]
fn manual_pages() {
    let world = World::new();
    let folder = world.local("man");
    world.fails(4, ["man", &world.arg("man")]);
    fs::create_dir(&folder).unwrap();
    assert_eq!(world.ok(["man", &world.arg("man")]), "");
    let page = |name: &str| fs::read_to_string(folder.join(name)).unwrap();
    assert!(page("lucidlink.1").contains("LUCIDLINK_WORKSPACE_URL") && page("lucidlink.1").contains("put"));
    assert!(page("lucidlink-put.1").contains("standard input"));
    assert!(page("lucidlink-xattr-set.1").contains("VALUE"));
    // Without fonts and escapes.
    let section = |name: &str, title: &str| {
        let page =
            ["\\fB", "\\fI", "\\fR", "\\"].iter().fold(page(name), |page, mark| page.replace(mark, ""));
        let (_, section) = page.split_once(&format!(".SH {title}\n")).expect(title);
        section.split(".SH").next().unwrap().to_owned()
    };
    for (command, usage) in [
        ("put", "lucidlink put [OPTIONS] <LOCAL> <NAME:/PATH>\n"),
        ("truncate", "lucidlink truncate [OPTIONS] -s <SIZE> <NAME:/PATH>\n"),
        ("account-create", "lucidlink account create [OPTIONS] --role <ROLE> <NAME>\n"),
    ] {
        assert_eq!(section(&format!("lucidlink-{command}.1"), "SYNOPSIS"), usage);
    }
    assert!(section("lucidlink-grant.1", "SYNOPSIS").contains("--revoke <FILESPACE> <ACCOUNT>\n"));
    let put = |title| section("lucidlink-put.1", title);
    assert!(put("OPTIONS").contains("-r\n") && !put("OPTIONS").contains("<LOCAL>"));
    assert!(
        put("ARGUMENTS").contains("<LOCAL>\n") && put("\"GLOBAL OPTIONS\"").contains("--token <TOKEN>\n")
    );
    for page in folder.read_dir().unwrap() {
        let text = fs::read_to_string(page.unwrap().path()).unwrap();
        assert!(!text.contains(&world.token) && !text.contains(&world.url()), "it shows the environment");
    }
}

#[test]
fn completions() {
    let world = World::new();
    for shell in ["bash", "zsh", "fish"] {
        let script = world.ok(["completions", shell]);
        assert!(script.contains("truncate") && script.contains("expires"), "{shell}");
        assert!(!script.contains(&world.token) && !script.contains(&world.url()), "it shows the environment");
    }
    world.fails(2, ["completions", "cmd.exe"]);
    // As bash asks for them when a user has typed this much.
    let mut bash = Command::new("bash");
    bash.args(["--norc", "-c"]);
    bash.arg(
        "source <(\"$TOOL\" completions bash); COMP_WORDS=(lucidlink acc); COMP_CWORD=1; \
         _lucidlink lucidlink acc lucidlink; echo \"${COMPREPLY[@]}\"",
    );
    let output = bash.env("TOOL", env!("CARGO_BIN_EXE_lucidlink")).output().expect("bash: install it");
    assert_eq!(String::from_utf8(output.stdout).unwrap(), "account\n");
    assert_eq!(String::from_utf8(output.stderr).unwrap(), "");
}

#[test]
fn errors_are_one_line_and_name_the_path() {
    let world = World::new();
    let stderr = world.fails(4, ["cat", "projects:/no such file"]);
    assert_eq!(stderr, "lucidlink: no such file: \"/no such file\"\n");
    let stderr = world.fails(4, ["put", &world.arg("nothing"), "projects:/x"]);
    assert!(stderr.starts_with("lucidlink: cannot read ") && stderr.contains("nothing"), "{stderr}");
    for bad in ["projects", "projects:", "projects:a", ":/a", "projects:/../a", "/a"] {
        world.fails(2, ["ls", bad]);
    }
}

#[test]
fn errors_in_json() {
    let world = World::new();
    let error = |status, args: [&str; 3]| -> Value {
        let stderr = world.fails(status, args);
        assert_eq!(stderr.lines().count(), 1, "{stderr}");
        serde_json::from_str(&stderr).unwrap()
    };
    let expected = json!({"error": {
        "status": "LL_ERR_NOT_FOUND", "code": -401, "message": "no such file: \"/x\"",
    }});
    assert_eq!(error(4, ["--json", "cat", "projects:/x"]), expected);
    assert_eq!(error(2, ["ls", "nonsense", "--json"])["error"]["status"], "LL_ERR_INVALID_ARGUMENT");
    let refused = world.fails(3, ["--json", "--token", "nonsense", "ls", "projects:/"]);
    let refused: Value = serde_json::from_str(&refused).unwrap();
    assert_eq!(refused["error"]["status"], "LL_ERR_INVALID_TOKEN");
}

#[test]
fn the_token_is_printed_only_where_it_is_made() {
    let world = World::new();
    let secret = world.token.rsplit(':').next().unwrap();
    let silent = |args: &[&str]| {
        let mut command = world.command([]);
        let output = command.args(args).output().unwrap();
        for text in [&output.stdout, &output.stderr] {
            assert!(!String::from_utf8_lossy(text).contains(secret), "{args:?}");
        }
    };
    silent(&["account", "list"]);
    silent(&["account", "list", "--json"]);
    silent(&["ls", &world.token]);
    silent(&[&world.token]);
    silent(&["--json", &world.token]);
    silent(&["--token", &world.token, "--token", &world.token, "ls", "projects:/"]);
    silent(&["--token", &format!("{}0", world.token), "ls", "projects:/"]);
    silent(&["cat", "projects:/nothing"]);
}

#[test]
fn a_reader_that_has_enough_ends_it_quietly() {
    let world = World::new();
    world.write("projects:/large", &noise(1, 4 << 20));
    let mut command = world.command(["cat", "projects:/large"]);
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let mut first = [0; 1];
    child.stdout.take().unwrap().read_exact(&mut first).unwrap();
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(0));
    assert_eq!(String::from_utf8(output.stderr).unwrap(), "");
}

#[test]
fn output_that_cannot_be_written_is_an_error() {
    let world = World::new();
    world.write("projects:/file", b"content");
    for args in [["cat", "projects:/file"], ["ls", "projects:/"], ["filespace", "list"]] {
        let full = OpenOptions::new().write(true).open("/dev/full").unwrap();
        let output = world.command(args).stdout(full).output().unwrap();
        assert_eq!(output.status.code(), Some(1), "{args:?}");
        let stderr = String::from_utf8(output.stderr).unwrap();
        assert!(stderr.starts_with("lucidlink: cannot write to standard output"), "{stderr}");
    }
}

/// What the tool shows on a terminal.
fn on_terminal(world: &World, args: &str) -> String {
    let mut command = Command::new("script");
    let line = format!("{} {args}", env!("CARGO_BIN_EXE_lucidlink"));
    command.args(["--quiet", "--return", "--command", &line, "/dev/null"]).stdin(Stdio::null());
    command.env("LUCIDLINK_WORKSPACE_URL", world.url()).env("LUCIDLINK_TOKEN", &world.token);
    command.env("TERM", "xterm").env("TMPDIR", world.dir.path());
    let output = command.output().expect("script(1) makes a terminal; install bsdutils");
    assert!(output.status.success(), "{args}");
    String::from_utf8_lossy(&output.stdout).into_owned()
}

#[test]
fn progress_is_shown_on_a_terminal_only_and_not_when_unwanted() {
    let world = World::new();
    fs::write(world.local("large"), noise(2, 30 << 20)).unwrap();
    let large = world.arg("large");
    for copy in [format!("put {large} projects:/large"), format!("get projects:/large {large}")] {
        let shown = on_terminal(&world, &copy);
        assert!(["/s", " left", "30.00 MiB"].iter().all(|part| shown.contains(part)), "{shown:?}");
        for unwanted in ["--quiet", "--json"] {
            let shown = on_terminal(&world, &format!("{copy} {unwanted}"));
            assert!(!shown.contains(" left"), "{unwanted}: {shown:?}");
        }
    }
    assert_eq!(world.ok(["put", &large, "projects:/large"]), "");
}

#[test]
fn names_do_not_control_the_terminal() {
    let world = World::new();
    world.write("projects:/red\u{1b}[31m", b"");
    assert_eq!(world.ok(["ls", "projects:/"]), "red\u{1b}[31m\n");
    assert_eq!(on_terminal(&world, "ls projects:/").trim_end(), "red?[31m");
    for command in ["ls", "tree", "du"] {
        let help = world.ok(["help", command]);
        let help: Vec<&str> = help.split_whitespace().collect();
        assert!(help.join(" ").contains("only what --json prints is safe to parse"), "{command}");
    }
}

#[test]
fn a_filespace_is_named_without_a_path_where_none_belongs() {
    let world = World::new();
    for (command, others) in [
        ("sync", &[][..]),
        ("df", &[]),
        ("quota", &[]),
        ("filespace delete", &[]),
        ("filespace fork", &[]),
        ("filespace rename", &["new"]),
        ("filespace accept-fork", &["7"]),
        ("grant", &["admin", "admin"]),
        ("fsck", &[]),
        ("gc", &[]),
    ] {
        for path in ["projects:/", "projects:", "projects:/a/b", "projects/", "projects@s", "projects@s:/"] {
            let words = command.split(' ').chain([path]).chain(others.iter().copied());
            let output = world.command([]).args(words).output().unwrap();
            let stderr = String::from_utf8(output.stderr).unwrap();
            assert_eq!(output.status.code(), Some(2), "{command} {path}: {stderr}");
            assert!(stderr.contains("write the name alone: projects\n"), "{command} {path}: {stderr}");
        }
    }
    assert_eq!(world.ok(["filespace", "list"]), "projects\n");
}

#[test]
fn a_filespace_without_a_path_is_told_how_to_name_its_root() {
    let world = World::new();
    let stderr = world.fails(2, ["ls", "projects"]);
    assert!(stderr.contains("projects:/"), "{stderr}");
    for text in ["", ":/x", "/x"] {
        assert!(world.fails(2, ["ls", text]).contains("names no filespace; write NAME:/path"), "{text:?}");
    }
}
