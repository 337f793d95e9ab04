//! A guest may import both flavours: it has processes of both at once, and what it may have counts them together.

use std::io::{Read as _, Write as _};

use childproof::{Child, Command, Error, Quota, Stdio};
use childproof_test_guests::asynchronous::{cat, poll_once, read_line, stdin_of, write_all};
use childproof_test_guests::raw;

childproof::main!(run);

fn cat_of_02() -> Child {
    let mut command = Command::new("cat");
    command.stdin(Stdio::piped()).stdout(Stdio::piped());
    command.spawn().unwrap()
}

async fn run() {
    let mut of_02 = cat_of_02();
    let of_03 = cat();
    assert_ne!(of_02.id(), of_03.id());

    // There is room for two, of whatever flavour.
    let refused = Command::new("true").stdin(Stdio::null()).spawn().unwrap_err();
    assert_eq!(Error::of(&refused), Some(&Error::QuotaExceeded(Quota::LiveProcesses)));
    let refused = raw::Command::new("true").spawn().map(drop);
    assert!(matches!(
        refused,
        Err(raw::Error::QuotaExceeded(raw::Quota::LiveProcesses))
    ));

    // Both are of use at the same time.
    let (mut stdin, ending) = stdin_of(&of_03);
    let (mut stdout, _) = of_03.take_stdout().unwrap();
    write_all(&mut stdin, "to 0.3\n").await;
    of_02.stdin.as_mut().unwrap().write_all(b"to 0.2\n").unwrap();
    of_02.stdin.as_mut().unwrap().flush().unwrap();
    assert_eq!(read_line(&mut stdout).await, "to 0.3");
    let mut line = [0; 7];
    of_02.stdout.as_mut().unwrap().read_exact(&mut line).unwrap();
    assert_eq!(&line, b"to 0.2\n");

    // A wait of the one goes on while the other is waited for.
    let mut wait = Box::pin(of_03.wait());
    assert!(poll_once(&mut wait).await.is_pending());
    drop(of_02.stdin.take());
    assert!(of_02.wait().unwrap().success());
    assert!(poll_once(&mut wait).await.is_pending());
    drop(stdin);
    ending.await.unwrap();
    assert!(matches!(wait.await.unwrap().termination, raw::Termination::Exited(0)));

    // Both have given their places back.
    let (one, other) = (cat_of_02(), cat());
    drop((one, other));
}
