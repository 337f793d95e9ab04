//! While a debugger holds the end of a process, the process has not ended for anybody else, though its pidfd says so.

use std::io::{BufRead, BufReader};
use std::time::Duration;

use childproof_test_guests::run;
use childproof_test_guests::sdk::{Child, ChildStdout, Signal, Stdio};

/// Lets anybody of the same user trace it.
const TRACED: &str = "
import ctypes, os
PR_SET_PTRACER, PR_SET_PTRACER_ANY = 0x59616d61, ctypes.c_ulong(-1)
ctypes.CDLL(None).prctl(PR_SET_PTRACER, PR_SET_PTRACER_ANY, 0, 0, 0)
print(os.getpid(), flush=True)
input()
";

/// Takes hold of another process, sees it end, and lets go of it with its own end.
const TRACER: &str = "
import ctypes, os, sys
PTRACE_SEIZE, pid = 0x4206, int(sys.argv[1])
libc = ctypes.CDLL(None, use_errno=True)
seized = libc.ptrace(PTRACE_SEIZE, pid, None, None)
print('seized' if seized == 0 else os.strerror(ctypes.get_errno()), flush=True)
os.waitid(os.P_PID, pid, os.WEXITED | os.WNOWAIT)
print('ended', flush=True)
input()
";

fn python(args: &[&str]) -> (Child, impl FnMut() -> String + use<>) {
    let mut command = run("python3");
    let mut child = command
        .arg("-c")
        .args(args)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut stdout: BufReader<ChildStdout> = BufReader::new(child.stdout.take().unwrap());
    let line = move || {
        let mut line = String::new();
        stdout.read_line(&mut line).unwrap();
        line.trim_end().to_owned()
    };
    (child, line)
}

childproof_test_guests::program!(guest);

fn guest() {
    let (mut traced, mut pid) = python(&[TRACED]);
    let (mut tracer, mut said) = python(&[TRACER, &pid()]);
    assert_eq!(said(), "seized");
    traced.kill().unwrap();
    assert_eq!(said(), "ended");

    for _ in 0..100 {
        assert_eq!(traced.try_wait().unwrap(), None);
    }
    assert_eq!(traced.wait_timeout(Duration::from_millis(20)).unwrap(), None);

    // Its end is the tracer's.
    drop(tracer.stdin.take());
    tracer.wait().unwrap();
    assert_eq!(traced.wait().unwrap().signal(), Some(Signal::Kill));
}
