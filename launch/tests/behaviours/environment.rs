//! The environment is what was given and nothing else.

use std::ffi::OsString;
use std::os::unix::ffi::OsStringExt;

use crate::support::{output, text};

#[tokio::test]
async fn the_environment_starts_empty() {
    assert!(std::env::vars_os().next().is_some());
    assert_eq!(text("/usr/bin/env", |_| {}).await, "");
}

#[tokio::test]
async fn the_last_value_of_a_key_holds() {
    let said = text("/usr/bin/env", |command| {
        command.env("A", "1").env("B", "x=y").envs([("A", "2"), ("C", "")]);
    })
    .await;
    assert_eq!(said, "A=2\nB=x=y\nC=\n");
}

#[tokio::test]
async fn values_are_bytes() {
    let bytes: Vec<u8> = (1..=255).collect();
    let (_, said) = output("/usr/bin/env", |command| {
        command.arg("-0").env("BYTES", OsString::from_vec(bytes.clone()));
    })
    .await;
    assert_eq!(said, [b"BYTES=".as_slice(), &bytes, b"\0"].concat());
}
