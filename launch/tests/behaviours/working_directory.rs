//! The working directory is a descriptor's, wherever its name went.

use std::fs::File;
use std::os::fd::AsFd;

use childproof_launch::{Command, Stdio};

use crate::support::{null, program};

#[tokio::test]
async fn a_child_works_in_the_directory_of_the_descriptor() {
    let directory = tempfile::tempdir().unwrap();
    let (before, after) = (directory.path().join("before"), directory.path().join("after"));
    std::fs::create_dir(&before).unwrap();
    let handle = File::open(&before).unwrap();
    std::fs::rename(&before, &after).unwrap();
    std::fs::create_dir(&before).unwrap();

    let (touch, null) = (program("/usr/bin/touch"), null());
    let stdio = Stdio {
        stdin: null.as_fd(),
        stdout: null.as_fd(),
        stderr: null.as_fd(),
    };
    let child = Command::new(&touch, stdio)
        .arg("here")
        .current_dir(handle.as_fd())
        .spawn()
        .unwrap();
    child.wait().await.unwrap();
    assert!(after.join("here").exists());
    assert!(!before.join("here").exists());
}
