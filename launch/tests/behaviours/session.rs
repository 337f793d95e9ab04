//! A child leads a session and a process group of its own and has no controlling terminal.

use std::ffi::CStr;

use crate::support::{block_on, in_own_process, name, output, text};

#[tokio::test]
async fn a_child_leads_its_session_and_its_group() {
    let stat = text("/bin/cat", |command| {
        command.arg("/proc/self/stat");
    })
    .await;
    let pid = stat.split(' ').next().unwrap();
    let behind_name: Vec<_> = stat.rsplit_once(')').unwrap().1.split_whitespace().collect();
    let [_state, _parent, group, session, terminal] = behind_name[..5] else {
        panic!("{stat}")
    };
    assert_eq!((group, session, terminal), (pid, pid, "0"));
}

#[test]
fn a_child_does_not_reach_the_terminal_of_its_host() {
    in_own_process(name!(a_child_does_not_reach_the_terminal_of_its_host), || {
        // SAFETY: the calls take numbers, and a name that the second makes and the third reads.
        unsafe {
            assert!(libc::setsid() > 0);
            let pty = libc::posix_openpt(libc::O_RDWR | libc::O_NOCTTY | libc::O_CLOEXEC);
            assert!(pty >= 0 && libc::grantpt(pty) == 0 && libc::unlockpt(pty) == 0);
            let mut name = [0; 64];
            assert_eq!(libc::ptsname_r(pty, name.as_mut_ptr(), name.len()), 0);
            // A session leader's first terminal becomes its controlling one.
            let name = CStr::from_ptr(name.as_ptr());
            assert!(libc::open(name.as_ptr(), libc::O_RDWR | libc::O_CLOEXEC) >= 0);
        }
        std::fs::File::open("/dev/tty").expect("the host has a terminal");
        let (exit, said) = block_on(output("/bin/cat", |command| {
            command.arg("/dev/tty").env("LC_ALL", "C");
        }));
        assert_eq!(exit.termination, childproof_launch::Termination::Exited(1));
        let said = String::from_utf8(said).unwrap();
        assert!(said.contains("No such device or address"), "{said}");
    });
}
