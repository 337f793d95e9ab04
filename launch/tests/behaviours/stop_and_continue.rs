//! A stopped process has not ended.

use std::io::Write;
use std::os::fd::AsFd;

use childproof_launch::{Command, Signal, Stdio, Termination};

use crate::support::{null, peek, program};

#[tokio::test]
async fn a_stopped_process_has_not_ended_and_goes_on_when_told() {
    let (input, mut writer) = std::io::pipe().unwrap();
    let (shell, null) = (program("/bin/sh"), null());
    let stdio = Stdio {
        stdin: input.as_fd(),
        stdout: null.as_fd(),
        stderr: null.as_fd(),
    };
    let child = Command::new(&shell, stdio)
        .args(["-c", "read code; exit $code"])
        .spawn()
        .unwrap();

    child.signal(Signal::Stop).unwrap();
    assert_eq!(peek(child.id(), libc::WSTOPPED).unwrap(), libc::CLD_STOPPED);
    writer.write_all(b"8\n").unwrap();
    assert_eq!(child.try_wait().unwrap(), None);

    child.signal(Signal::Cont).unwrap();
    assert_eq!(child.wait().await.unwrap().termination, Termination::Exited(8));
}
