//! Files that can't be used.

use std::path::Path;
use std::process::Command;

use test_case::test_case;

use super::{Desk, prompt, write};

/// Puts a fault into the folder of prompts.
type Spoil = fn(&Path);

fn half_written(prompts: &Path) {
    let text = prompt("half");
    std::fs::write(prompts.join("shop/v2.md"), &text[..text.len() / 2]).unwrap();
}

fn not_utf8(prompts: &Path) {
    let text = prompt("S").replace("You rank", "You r\u{1}nk").into_bytes();
    let text: Vec<u8> = text.into_iter().map(|byte| if byte == 1 { 0xff } else { byte }).collect();
    std::fs::write(prompts.join("shop/v2.md"), text).unwrap();
}

fn huge(prompts: &Path) {
    std::fs::write(prompts.join("shop/v2.md"), vec![b'x'; 10_000_000]).unwrap();
}

fn link_out(prompts: &Path) {
    let outside = prompts.parent().unwrap().join("outside.md");
    std::fs::write(&outside, prompt("outside")).unwrap();
    std::os::unix::fs::symlink("../../outside.md", prompts.join("shop/v2.md")).unwrap();
}

fn folder_link_out(prompts: &Path) {
    write(&prompts.parent().unwrap().join("outside/v1.md"), prompt("outside"));
    std::os::unix::fs::symlink("../outside", prompts.join("linked")).unwrap();
}

fn lock_link_out(prompts: &Path) {
    std::fs::write(prompts.parent().unwrap().join("a.lock"), "").unwrap();
    std::os::unix::fs::symlink("../a.lock", prompts.join("prompts.lock")).unwrap();
}

fn pipe(prompts: &Path) {
    let made = Command::new("mkfifo").arg(prompts.join("shop/v2.md")).status().unwrap();
    assert!(made.success());
}

fn folder_of_that_name(prompts: &Path) {
    std::fs::create_dir(prompts.join("shop/v2.md")).unwrap();
}

fn rubbish_lock(prompts: &Path) {
    std::fs::write(prompts.join("prompts.lock"), "rubbish\n".repeat(80)).unwrap();
}

#[test_case(half_written, "shop/v2.md", "syntax error" ; "half_written")]
#[test_case(not_utf8, "shop/v2.md", "not UTF-8" ; "not_utf8")]
#[test_case(huge, "shop/v2.md", "larger than" ; "huge")]
#[test_case(link_out, "shop/v2.md", "leads out of the prompts folder" ; "link_out")]
#[test_case(folder_link_out, "linked", "leads out of the prompts folder" ; "folder_link_out")]
#[test_case(lock_link_out, "prompts.lock", "leads out of the prompts folder" ; "lock_link_out")]
#[test_case(pipe, "shop/v2.md", "no plain file" ; "pipe")]
#[test_case(folder_of_that_name, "shop/v2.md", "no plain file" ; "folder")]
#[test_case(rubbish_lock, "prompts.lock", "no line of a lock" ; "rubbish_lock")]
#[tokio::test]
async fn what_can_not_be_read_is_refused_until_it_is_gone(spoil: Spoil, file: &str, reason: &str) {
    let desk = Desk::open().await;
    let (good, before) = (desk.rank("one").await, desk.failures().await);
    let prompts = desk.app.dir().join("prompts");
    spoil(&prompts);
    let problem = desk.until_refused(reason).await;
    assert_eq!(problem["file"], file);
    assert!(!problem["remedy"].as_str().unwrap().is_empty());
    assert!(desk.prompts().await.to_string().len() < 20_000, "a fault is told in few words");
    assert!(desk.failures().await > before);
    assert_eq!(desk.rank("two").await, good, "the last good set keeps serving");
    // As it was before: nothing is left to complain of.
    let path = prompts.join(file);
    if std::fs::symlink_metadata(&path).unwrap().is_dir() {
        std::fs::remove_dir(&path).unwrap();
    } else {
        std::fs::remove_file(&path).unwrap();
    }
    desk.until_accepted().await;
    assert_eq!(desk.rank("three").await, good);
}
