//! A thousand processes are alive at the same time, and each of their outputs reaches whom it is for.

use childproof::asynchronous::{Command, Stdio};
use futures_util::future::join_all;

const CHILDREN: usize = 1_000;

childproof::main!(run);

async fn run() {
    // None of them ends before it is told to, and that is after all were started.
    let mut children: Vec<_> = (0..CHILDREN)
        .map(|number| {
            let script = format!("read -r line; echo \"{number} $line\"; exit {}", number % 200);
            let mut command = Command::new("sh");
            command
                .args(["-c", &script])
                .stdin(Stdio::piped())
                .stdout(Stdio::piped());
            command
                .spawn()
                .unwrap_or_else(|error| panic!("process {number}: {error}"))
        })
        .collect();
    assert!(children.iter_mut().all(|child| child.try_wait().unwrap().is_none()));

    let outputs = children.into_iter().enumerate().map(|(number, mut child)| async move {
        let input = format!("input {number}\n");
        let output = child.communicate(input).await.unwrap();
        (output.status.code(), String::from_utf8(output.stdout.unwrap()).unwrap())
    });
    for (number, (code, output)) in join_all(outputs).await.into_iter().enumerate() {
        assert_eq!(code, Some(number as i32 % 200));
        assert_eq!(output, format!("{number} input {number}\n"));
    }
}
