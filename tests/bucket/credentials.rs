//! Where credentials for S3 come from.

use crate::seaweed;
use crate::world::WORLD;

#[test]
fn no_credentials_at_all() {
    let args = ["filespace", "list"];
    let mut command = WORLD.command(&args);
    command.env_remove("AWS_ACCESS_KEY_ID").env_remove("AWS_SECRET_ACCESS_KEY");
    let output = command.output().unwrap();
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert!(!output.status.success() && stderr.contains("AWS_PROFILE"), "{stderr}");
}

#[test]
fn keys_may_come_from_a_profile() {
    let home = tempfile::tempdir().unwrap();
    std::fs::create_dir(home.path().join(".aws")).unwrap();
    let (id, secret) = (seaweed::ACCESS_KEY, seaweed::SECRET_KEY);
    let profile = format!("[work]\naws_access_key_id = {id}\naws_secret_access_key = {secret}\n");
    std::fs::write(home.path().join(".aws/credentials"), profile).unwrap();
    let mut command = WORLD.command(&["filespace", "list"]);
    command.env_remove("AWS_ACCESS_KEY_ID").env_remove("AWS_SECRET_ACCESS_KEY");
    command.env("HOME", home.path()).env("AWS_PROFILE", "work");
    let output = command.output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}
