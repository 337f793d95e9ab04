//! However a guest ends, its processes end with it. How it is to end is its argument.

use std::io::Read;

use childproof_test_guests::sdk::{Child, Stdio};
use childproof_test_guests::{daemon_starter, status_of};

childproof_test_guests::program!(guest);

fn guest() {
    let mut command = daemon_starter();
    command
        .stdin(Stdio::piped())
        .stdout(Stdio::inherit())
        .stderr(Stdio::piped());
    let start = || -> Child {
        let mut child = command.spawn().unwrap();
        child.stderr.take().unwrap().read_exact(&mut [0; 6]).unwrap();
        child
    };
    let mut children: Vec<Child> = std::iter::repeat_with(start).take(3).collect();
    match std::env::args().nth(1).as_deref() {
        Some("return") => {}
        Some("forget") => std::mem::forget(children),
        Some("exit") => std::process::exit(7),
        Some("trap") => panic!("on purpose"),
        Some("spin") => {
            // The host takes the end of this one for its sign to stop the guest.
            status_of("exit 99");
            loop {
                assert_eq!(children[0].try_wait().unwrap(), None);
            }
        }
        Some("wait") => {
            status_of("exit 99");
            panic!("it ended: {:?}", children[0].wait());
        }
        other => panic!("no way to end: {other:?}"),
    }
}
