//! `workspace`, `filespace`, `account` and `grant`.

use std::ffi::OsStr;
use std::fs::{self, OpenOptions};
use std::io::Write;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::FileExt;
use std::path::PathBuf;
use std::process::{Command, Stdio};

use serde_json::{Value, json};

use crate::world::{World, files_below, noise};

fn is_token(text: &str) -> bool {
    let hex = |t: &str, len| t.len() == len && t.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'));
    matches!(text.split(':').collect::<Vec<_>>()[..], ["sa_live", id, secret] if hex(id, 32) && hex(secret, 64))
}

/// What is printed is one line, and that is a token.
fn token_line(printed: &str) -> String {
    let token = printed.strip_suffix('\n').unwrap();
    assert!(is_token(token), "{} bytes printed", printed.len());
    token.to_owned()
}

#[test]
fn workspace_create_prints_the_token_and_nothing_else() {
    let world = World::new();
    assert!(is_token(&world.token));
    let second = format!("file://{}/second", world.dir.path().display());
    token_line(&world.ok(["--url", &second, "workspace", "create", "--name", "N"]));
    let again = world.fails(1, ["workspace", "create", "--name", "N", "--url", &second]);
    assert!(again.starts_with("lucidlink: there is a workspace in "), "{again}");
    let third = format!("file://{}/third", world.dir.path().display());
    let json = world.json(["workspace", "create", "--name", "N", "--url", &third, "--json"]);
    assert_eq!((&json[0]["name"], &json[0]["url"]), (&json!("N"), &json!(third)));
    assert!(is_token(json[0]["token"].as_str().unwrap()));
    world.fails(2, ["workspace", "create"]);
    world.fails(1, ["workspace", "create", "--name", "a/b", "--url", &format!("{third}x")]);
}

#[test]
fn without_a_url_the_workspace_is_in_the_users_folder() {
    let world = World::new();
    let run = |args: &[&str], token: &str| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_lucidlink"));
        command.args(args).env_clear().env("HOME", world.dir.path());
        let output =
            command.env("LUCIDLINK_WORKSPACE_URL", "").env("LUCIDLINK_TOKEN", token).output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap()
    };
    let token = token_line(&run(&["workspace", "create", "--name", "mine"], ""));
    assert!(world.local(".local/share/lucidlink/workspace").is_dir());
    run(&["filespace", "create", "private"], &token);
    assert_eq!(run(&["filespace", "list"], &token), "private\n");
}

#[test]
fn filespaces() {
    let world = World::new();
    assert_eq!(world.ok(["filespace", "create", "archive"]), "");
    assert_eq!(world.ok(["filespace", "list"]), "archive\nprojects\n");
    assert_eq!(world.ok(["filespace", "rename", "archive", "old projects"]), "");
    let listed = world.json(["filespace", "list", "--json"]);
    assert_eq!(listed.len(), 2);
    assert_eq!(listed[0]["name"], "old projects");
    assert_eq!(listed[0]["accessible"], true);
    assert_eq!(listed[0]["id"].as_str().unwrap().len(), 64);
    assert!(listed[0]["created"].as_str().unwrap().ends_with('Z'));
    world.ok(["mkdir", "old projects:/d"]);
    let refused = world.fails(1, ["filespace", "delete", "old projects"]);
    assert!(refused.contains("\"old projects\" is not empty") && refused.contains("--force"), "{refused}");
    world.ok(["ls", "old projects:/d"]);
    assert_eq!(world.ok(["filespace", "delete", "old projects", "--force"]), "");
    assert_eq!(world.ok(["filespace", "list"]), "projects\n");
    let gone = world.fails(4, ["ls", "old projects:/"]);
    assert_eq!(gone, "lucidlink: there is no filespace \"old projects\" in the workspace\n");
    world.ok(["filespace", "create", "empty"]);
    assert_eq!(world.ok(["filespace", "delete", "empty"]), "");
    world.fails(1, ["filespace", "create", "projects"]);
    for force in ["--force", "--json"] {
        world.fails(4, ["filespace", "delete", "nothing", force]);
    }
    world.fails(4, ["filespace", "rename", "nothing", "something"]);
    world.fails(1, ["filespace", "create", "a:b"]);
    world.fails(2, ["filespace", "create"]);
}

#[test]
fn a_delete_that_was_broken_off_is_ended_without_force() {
    let world = World::new();
    world.write("projects:/file", b"content");
    let log: Vec<(PathBuf, Vec<u8>)> = files_below(&world.local("ws"))
        .into_iter()
        .filter(|file| !file.starts_with(world.local("ws/filespaces")))
        .map(|file| (file.clone(), fs::read(file).unwrap()))
        .collect();
    world.ok(["filespace", "delete", "projects", "--force"]);
    // The workspace has not heard of it.
    for (path, bytes) in log {
        fs::write(path, bytes).unwrap();
    }
    assert_eq!(world.ok(["filespace", "list"]), "projects\n");
    assert!(world.fails(1, ["ls", "projects:/"]).contains("deleted"));
    assert_eq!(world.ok(["filespace", "delete", "projects"]), "");
    assert_eq!(world.ok(["filespace", "list"]), "");
}

#[test]
fn accounts() {
    let world = World::new();
    let reader = token_line(&world.ok(["account", "create", "render farm", "--role", "reader"]));
    let args = ["account", "create", "guest", "--role", "writer", "--expires", "2100-01-31T12:00:00Z"];
    token_line(&world.ok(args));
    token_line(&world.ok(["account", "create", "soon", "--role", "admin", "--expires", "30d"]));
    let listed = world.ok(["account", "list"]);
    let mut rows: Vec<Vec<&str>> = listed.lines().map(|line| line.split('\t').collect()).collect();
    rows.sort();
    let row = |n: usize| rows[n][..4].to_vec();
    assert_eq!(row(0), ["admin", "admin", "active", "never"]);
    assert_eq!(row(1), ["guest", "writer", "active", "2100-01-31T12:00:00Z"]);
    assert_eq!(row(2), ["render farm", "reader", "active", "never"]);
    assert_eq!(row(3)[..3], ["soon", "admin", "active"]);
    assert!(rows.iter().all(|row| row.len() == 5 && row[4].len() == 32));
    assert!(world.token.contains(rows[0][4]));

    assert_eq!(world.ok(["account", "revoke", "render farm"]), "");
    let json = world.json(["account", "list", "--json"]);
    let account = json.iter().find(|account| account["name"] == "render farm").unwrap();
    let key_id = reader.split(':').nth(1).unwrap();
    let expected = json!({"name": "render farm", "role": "reader", "state": "revoked", "expires": null, "key_id": key_id});
    assert_eq!(*account, expected);
    let guest = json.iter().find(|account| account["name"] == "guest").unwrap();
    assert_eq!(guest["expires"], "2100-01-31T12:00:00.000000000Z");

    let refused = world.fails(3, ["--token", &reader, "filespace", "list"]);
    assert!(refused.contains("revoked"), "{refused}");
    let json = world.json(["account", "create", "other", "--role", "reader", "--json"]);
    assert!(is_token(json[0]["token"].as_str().unwrap()) && json[0]["name"] == "other");
    world.fails(4, ["account", "revoke", "nobody"]);
    let json =
        world.json(["account", "create", "day", "--role", "reader", "--expires", "2100-01-31", "--json"]);
    assert_eq!(json[0]["expires"], "2100-01-31T00:00:00.000000000Z");
    let late = world
        .fails(2, ["account", "create", "late", "--role", "reader", "--expires", "1999-01-01T00:00:00Z"]);
    assert!(late.contains("--expires") && late.contains("past"), "{late}");
    let bad = world.fails(2, ["account", "create", "late", "--role", "reader", "--expires", "soon"]);
    assert!(bad.contains("--expires") && bad.contains("30d"), "{bad}");
    world.fails(2, ["account", "create", "x", "--role", "owner"]);
    world.fails(2, ["account", "create", "x"]);
}

#[test]
fn grants() {
    let world = World::new();
    let token = token_line(&world.ok(["account", "create", "render", "--role", "writer"]));
    let mkdir = |at: &str, status| match status {
        0 => drop(world.ok(["--token", &token, "mkdir", at])),
        status => drop(world.fails(status, ["--token", &token, "mkdir", at])),
    };
    mkdir("projects:/a", 3);
    assert_eq!(world.ok(["grant", "projects", "render", "reader"]), "");
    assert_eq!(world.ok(["ls", "projects:/", "--token", &token]), "");
    let log = || -> u64 {
        let files = files_below(&world.local("ws/filespaces")).into_iter();
        files.filter(|f| f.parent().unwrap().ends_with("log")).map(|f| f.metadata().unwrap().len()).sum()
    };
    let before = log();
    mkdir("projects:/a", 3);
    assert!(before > 0 && log() == before, "what is refused leaves nothing in the log");
    assert_eq!(world.ok(["grant", "projects", "render", "writer"]), "");
    mkdir("projects:/a", 0);
    assert_eq!(world.ok(["grant", "--revoke", "projects", "render"]), "");
    mkdir("projects:/b", 3);
    let last = world.fails(3, ["grant", "projects", "admin", "reader"]);
    assert!(last.contains("last admin"), "{last}");
    world.fails(4, ["grant", "nothing", "render", "reader"]);
    world.fails(4, ["grant", "projects", "nobody", "reader"]);
    world.fails(2, ["grant", "projects", "render"]);
    world.fails(2, ["grant", "projects", "render", "king"]);
    world.fails(2, ["grant", "--revoke", "projects", "render", "reader"]);
    world.ok(["account", "create", "idle", "--role", "writer"]);
    let refused = world.fails(4, ["grant", "--revoke", "projects", "idle"]);
    assert!(refused.contains("account \"idle\" has no role in filespace \"projects\""), "{refused}");
}

#[test]
fn a_command_needs_a_token_that_is_known() {
    let world = World::new();
    let missing = world.command(["filespace", "list"]).env_remove("LUCIDLINK_TOKEN").output().unwrap();
    assert_eq!(missing.status.code(), Some(2));
    assert!(String::from_utf8(missing.stderr).unwrap().contains("set LUCIDLINK_TOKEN"));
    let malformed = world.fails(3, ["--token", "sa_live:12:5ec4e7", "filespace", "list"]);
    assert!(malformed.contains("token") && !malformed.contains("5ec4e7"), "{malformed}");
    let unknown = format!("sa_live:{}:{}", "ab".repeat(16), "cd".repeat(32));
    let refused = world.fails(3, ["--token", &unknown, "filespace", "list"]);
    assert!(refused.contains("unknown") && !refused.contains("cdcd"), "{refused}");
    let nowhere = format!("file://{}/nowhere", world.dir.path().display());
    world.fails(4, ["--url", &nowhere, "filespace", "list"]);
    let bad = world.fails(2, ["--url", "ftp://host", "filespace", "list"]);
    assert!(bad.contains("ftp") && bad.contains("file:///folder"), "{bad}");
}

#[test]
fn an_account_whose_name_is_taken_is_refused_by_name() {
    let world = World::new();
    world.ok(["account", "create", "ann", "--role", "writer"]);
    let stderr = world.fails(1, ["account", "create", "ann", "--role", "writer"]);
    assert!(stderr.contains("there is an account \"ann\" already"), "{stderr}");
    world.ok(["account", "revoke", "ann"]);
    world.ok(["account", "create", "ann", "--role", "writer"]);
}

#[test]
fn forks_are_shown_and_accepted() {
    let world = World::new();
    world.write("projects:/kept", b"kept");
    assert_eq!(world.ok(["filespace", "fork", "projects"]), "none\n");
    let saved: Vec<(PathBuf, Vec<u8>)> = files_below(&world.local("ws/filespaces"))
        .into_iter()
        .filter(|file| file.parent().unwrap().ends_with("log"))
        .map(|file| (file.clone(), fs::read(file).unwrap()))
        .collect();
    world.write("projects:/gone", b"gone");
    let mut old = world.command(["put", "-", "projects:/from before"]);
    let mut old = old.stdin(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let mut stdin = old.stdin.take().unwrap();
    // More than the pipe and a piece hold: it has linked the filespace.
    stdin.write_all(&noise(1, 4 << 20)).unwrap();

    // The log is set back below it.
    for (path, bytes) in &saved {
        let file = OpenOptions::new().write(true).open(path).unwrap();
        file.write_all_at(bytes, 0).unwrap();
        file.set_len(bytes.len() as u64).unwrap();
    }
    for n in 0..3 {
        world.write(&format!("projects:/new {n}"), b"new");
    }
    drop(stdin);
    let refused = old.wait_with_output().unwrap();
    assert_eq!(refused.status.code(), Some(1), "{refused:?}");

    let stderr = world.fails(1, ["ls", "projects:/"]);
    let position = world.ok(["filespace", "fork", "projects"]).trim_end().to_owned();
    assert!(stderr.contains(&format!("fork at position {position}")), "{stderr}");
    let expected = json!({"name": "projects", "position": position.parse::<u64>().unwrap()});
    assert_eq!(world.json(["filespace", "fork", "--json", "projects"]), [expected]);
    world.fails(1, ["filespace", "accept-fork", "projects", "1"]);
    world.fails(2, ["filespace", "accept-fork", "projects", "none"]);
    world.fails(2, ["filespace", "accept-fork", "projects"]);
    world.fails(4, ["filespace", "accept-fork", "nothing", &position]);
    assert_eq!(world.ok(["filespace", "accept-fork", "projects", &position]), "");
    assert_eq!(world.json(["filespace", "fork", "--json", "projects"])[0]["position"], Value::Null);
    assert_eq!(world.ok(["ls", "projects:/"]), "kept\nnew 0\nnew 1\nnew 2\n");
    world.fails(4, ["filespace", "fork", "nothing"]);
}

#[test]
fn a_workspace_is_made_in_a_folder_that_has_nothing_else() {
    let world = World::new();
    let create = |folder: &str, status| {
        let url = format!("file://{}", world.arg(folder));
        let output = world.run(["--url", &url, "workspace", "create", "--name", "w"]);
        assert_eq!(output.status.code(), Some(status), "{output:?}");
        String::from_utf8(output.stderr).unwrap()
    };
    fs::create_dir_all(world.local("full")).unwrap();
    fs::write(world.local("full/.hidden"), b"x").unwrap();
    let stderr = create("full", 1);
    assert!(stderr.contains("/full is not empty") && stderr.contains(".hidden"), "{stderr}");
    assert_eq!(world.local("full").read_dir().unwrap().count(), 1);
    assert!(create("ws", 1).contains("there is a workspace"));
    // A new file system, and what an attempt leaves that is killed.
    for name in ["disk/lost+found", "died/.log-abc", "died/grants/x", "empty"] {
        fs::create_dir_all(world.local(name)).unwrap();
    }
    for folder in ["disk", "died", "empty"] {
        create(folder, 0);
    }
}

#[test]
fn a_usage_line_asks_for_nothing_that_the_environment_gives() {
    let world = World::new();
    let stderr = world.fails(2, ["ls"]);
    assert!(stderr.contains("Usage: lucidlink ls <NAME:/PATH>\n"), "{stderr}");
    for variable in ["LUCIDLINK_WORKSPACE_URL", "LUCIDLINK_TOKEN"] {
        let mut command = world.command(["filespace", "list"]);
        let output = command.env(variable, OsStr::from_bytes(b"file:///\xff")).output().unwrap();
        assert_eq!(output.status.code(), Some(2));
        assert!(String::from_utf8(output.stderr).unwrap().contains(&format!("{variable} is not UTF-8")));
    }
}
