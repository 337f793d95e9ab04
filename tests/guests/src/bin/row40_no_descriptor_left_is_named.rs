//! A host without descriptors says so, and goes on with what it has.

use std::io::{Read, Write};

use childproof_test_guests::sdk::{Child, Error};
use childproof_test_guests::{cat, cause, run_piped};

childproof_test_guests::program!(guest);

fn guest() {
    let mut children: Vec<Child> = Vec::new();
    let error = loop {
        match run_piped("cat").spawn() {
            Ok(child) => children.push(child),
            Err(error) => break cause::<()>(Err(error)),
        }
        assert!(children.len() < 200, "the host has a limit");
    };
    assert_eq!(error, Error::TooManyOpenFiles);
    for child in &mut children {
        child.stdin.as_mut().unwrap().write_all(b"x").unwrap();
        child.stdout.as_mut().unwrap().read_exact(&mut [0]).unwrap();
    }
    drop(children);
    assert_eq!(cat().communicate(b"again").unwrap().stdout.unwrap(), b"again");
}
