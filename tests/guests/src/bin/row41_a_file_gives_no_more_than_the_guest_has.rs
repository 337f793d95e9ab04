//! A file that the guest may only read is no standard output, and what is no regular file is none at all.

use std::fs;

use childproof_test_guests::raw::{self, Error, FileStream, StdinSource, preopens};
use childproof_test_guests::sdk::{File, Stdio};
use childproof_test_guests::{invalid, refused, run, sh};

childproof_test_guests::program!(guest);

fn guest() {
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
    let command = raw::sh("exit 0");
    command.stdin(StdinSource::File(FileStream {
        file: &data,
        offset: None,
    }));
    assert_eq!(unsupported(command.spawn()), "stdin");

    let flags = raw::DescriptorFlags::READ | raw::DescriptorFlags::WRITE;
    streams_of_the_guest(&raw::open_at(&data, "file", raw::OpenFlags::empty(), flags));

    // What the SDK itself can tell is as clear.
    let mut cat = run("cat").stdin(Stdio::piped()).spawn().unwrap();
    assert_eq!(invalid(run("cat").stdin(cat.stdin.take().unwrap()).spawn()), "stdin");
}

/// The field of an error that says that the host cannot do this.
fn unsupported(result: Result<raw::Process, Error>) -> String {
    match result {
        Err(Error::Unsupported(problem)) => problem.field,
        Err(other) => panic!("{other:?}"),
        Ok(_) => panic!("this cannot be started"),
    }
}

/// A stream of the guest that is no process's cannot be passed on.
#[cfg(feature = "p2")]
fn streams_of_the_guest(file: &raw::Descriptor) {
    let command = raw::sh("exit 0");
    command.stdin(StdinSource::Stream(file.read_via_stream(0).unwrap()));
    assert_eq!(unsupported(command.spawn()), "stdin");
    let command = raw::sh("exit 0");
    command.stdout(raw::StdoutTarget::Stream(file.write_via_stream(0).unwrap()));
    assert_eq!(unsupported(command.spawn()), "stdout");
}

/// A stream of the guest that is no process's is read for the process, which is given no descriptor for it. There is no
/// way to write to one.
#[cfg(feature = "p3")]
fn streams_of_the_guest(file: &raw::Descriptor) {
    let (text, _ended) = file.read_via_stream(0);
    let command = raw::Command::new("cat");
    command.stdin(StdinSource::Stream(text));
    raw::pipe_stdout(&command);
    let output = raw::communicate(&command.spawn().unwrap(), raw::DEFAULTS).unwrap();
    assert_eq!(output.stdout.unwrap(), b"text");
}
