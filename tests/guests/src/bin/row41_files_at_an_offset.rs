//! A process reads or writes a file from the guest's offset on, and does not move that.

use std::fs;
use std::io::{Read, Seek, SeekFrom};

use childproof_test_guests::sdk::{File, Stdio};
use childproof_test_guests::{printed, run, sh};

childproof_test_guests::program!(guest);

fn guest() {
    fs::write("/data/digits", "0123456789").unwrap();
    let mut file = File::open("/data/digits").unwrap();
    file.seek(SeekFrom::Start(4)).unwrap();
    for _ in 0..2 {
        let output = run("cat").stdin(&file).stdout(Stdio::piped()).output().unwrap();
        assert_eq!(output.stdout, b"456789");
    }
    // Two processes at once do not move each other's, either.
    printed("mkfifo gate");
    let mut late = sh("read line < gate; exec cat");
    let late = late.stdin(&file).stdout(Stdio::piped()).spawn().unwrap();
    assert!(run("cat").stdin(&file).status().unwrap().success());
    printed("echo > gate");
    assert_eq!(late.wait_with_output().unwrap().stdout, b"456789");
    let mut rest = String::new();
    file.read_to_string(&mut rest).unwrap();
    assert_eq!(rest, "456789", "the guest's offset is its own");
    // At the end there is nothing to read.
    assert_eq!(
        run("cat").stdin(&file).stdout(Stdio::piped()).output().unwrap().stdout,
        b""
    );

    // That a file is appended to says nothing about where it is read from.
    let mut file = File::options().read(true).append(true).open("/data/digits").unwrap();
    file.seek(SeekFrom::Start(7)).unwrap();
    let output = run("cat").stdin(&file).stdout(Stdio::piped()).output().unwrap();
    assert_eq!(output.stdout, b"789");
    assert!(sh("printf x").stdout(&file).status().unwrap().success());
    assert_eq!(fs::read("/data/digits").unwrap(), b"0123456789x");

    fs::write("/data/letters", "aaaaaaaaaa").unwrap();
    let mut file = File::options().write(true).open("/data/letters").unwrap();
    file.seek(SeekFrom::Start(3)).unwrap();
    assert!(sh("printf bbb").stdout(&file).status().unwrap().success());
    assert_eq!(fs::read("/data/letters").unwrap(), b"aaabbbaaaa");
    file.seek(SeekFrom::Start(12)).unwrap();
    assert!(sh("printf c >&2").stderr(&file).status().unwrap().success());
    assert_eq!(fs::read("/data/letters").unwrap(), b"aaabbbaaaa\0\0c");
}
