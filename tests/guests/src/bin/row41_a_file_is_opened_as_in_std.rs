//! A file for a process is opened, read, written and sought in as a file of std is.

use std::fs;
use std::io::{ErrorKind, Read, Seek, SeekFrom, Write};

use childproof_test_guests::sdk::{File, Stdio};
use childproof_test_guests::{run, sh};

childproof_test_guests::program!(guest);

fn guest() {
    let mut new = File::options();
    let new = new.read(true).write(true).create_new(true);
    let mut file = new.open("/data/new").unwrap();
    assert!(sh("printf 0123456789").stdout(&file).status().unwrap().success());
    let error = new.open("/data/new").unwrap_err();
    assert_eq!(error.kind(), ErrorKind::AlreadyExists);
    assert_eq!(fs::read("/data/new").unwrap(), b"0123456789", "it is left as it was");

    assert_eq!(file.seek(SeekFrom::End(-3)).unwrap(), 7);
    let output = run("cat").stdin(&file).stdout(Stdio::piped()).output().unwrap();
    assert_eq!(output.stdout, b"789");
    let mut byte = [0];
    file.read_exact(&mut byte).unwrap();
    assert_eq!((&byte, file.stream_position().unwrap()), (b"7", 8));
    assert_eq!(file.seek(SeekFrom::Current(-6)).unwrap(), 2);
    file.write_all(b"a").unwrap();
    file.write_all(b"b").unwrap();
    assert_eq!(file.stream_position().unwrap(), 4);
    assert_eq!(fs::read("/data/new").unwrap(), b"01ab456789");
    assert_eq!(file.seek(SeekFrom::End(1)).unwrap(), 11);
    assert!(sh("printf x").stdout(&file).status().unwrap().success());
    assert_eq!(fs::read("/data/new").unwrap(), b"01ab456789\0x");
    for before_the_beginning in [SeekFrom::End(-13), SeekFrom::Current(-12)] {
        let error = file.seek(before_the_beginning).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidInput);
    }
    assert_eq!(file.stream_position().unwrap(), 11, "a seek that fails moves nothing");
    File::create("/data/new").unwrap();
    assert_eq!(fs::read("/data/new").unwrap(), b"", "it is emptied");

    assert_eq!(File::open("/data/none").unwrap_err().kind(), ErrorKind::NotFound);
    assert_eq!(File::open("/elsewhere/file").unwrap_err().kind(), ErrorKind::NotFound);
}
