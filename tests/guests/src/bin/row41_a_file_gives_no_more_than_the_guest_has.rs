//! A file that the guest may only read is no standard output, and what is no regular file is none at all.

use std::fs;

use childproof::{File, Stdio};
use childproof_test_guests::raw::{self, Error, FileStream, StdinSource, StdoutTarget, preopens};
use childproof_test_guests::{invalid, refused, run, sh};

fn main() {
    fs::write("/data/file", "text").unwrap();
    let read = File::open("/data/file").unwrap();
    assert_eq!(refused(run("cat").stdout(&read).spawn()), "stdout");
    assert_eq!(refused(run("cat").stderr(&read).spawn()), "stderr");
    let write = File::options().write(true).open("/data/file").unwrap();
    assert_eq!(refused(run("cat").stdin(&write).spawn()), "stdin");
    assert_eq!(fs::read("/data/file").unwrap(), b"text");
    // Nor more than the stream needs.
    let both = File::options().read(true).write(true).open("/data/file").unwrap();
    assert!(!sh("echo more >&0").stdin(&both).status().unwrap().success());
    assert!(!sh("head -c 1 <&1 >&2").stdout(&both).status().unwrap().success());
    assert_eq!(fs::read("/data/file").unwrap(), b"text");

    let (data, _) = preopens::get_directories().pop().unwrap();
    let unsupported = |result: Result<raw::Process, Error>| match result {
        Err(Error::Unsupported(problem)) => problem.field,
        Err(other) => panic!("{other:?}"),
        Ok(_) => panic!("this cannot be started"),
    };
    let command = raw::sh("exit 0");
    command.stdin(StdinSource::File(FileStream {
        file: &data,
        offset: None,
    }));
    assert_eq!(unsupported(command.spawn()), "stdin");

    // A stream of the guest that is no process's cannot be passed on.
    let flags = raw::DescriptorFlags::READ | raw::DescriptorFlags::WRITE;
    let file = data
        .open_at(raw::PathFlags::empty(), "file", raw::OpenFlags::empty(), flags)
        .unwrap();
    let command = raw::sh("exit 0");
    command.stdin(StdinSource::Stream(file.read_via_stream(0).unwrap()));
    assert_eq!(unsupported(command.spawn()), "stdin");
    let command = raw::sh("exit 0");
    command.stdout(StdoutTarget::Stream(file.write_via_stream(0).unwrap()));
    assert_eq!(unsupported(command.spawn()), "stdout");

    // What the SDK itself can tell is as clear.
    let mut cat = run("cat").stdin(Stdio::piped()).spawn().unwrap();
    assert_eq!(invalid(run("cat").stdin(cat.stdin.take().unwrap()).spawn()), "stdin");
}
