//! A write that is cancelled says how many bytes are in the pipe and hands back the others: those that were reported, and they
//! alone, arrive.

use std::task::Poll;

use childproof_test_guests::asynchronous::{Chance, cat, poll_once, read_all, read_some, stdin_of, turns};
use childproof_test_guests::pattern;
use wit_bindgen::StreamResult;

const SIZE: usize = 16 << 20;

childproof::main!(run);

async fn run() {
    let mut chance = Chance(3);
    let process = cat();
    let (mut stdin, ending) = stdin_of(&process);
    let (mut stdout, _) = process.take_stdout().unwrap();
    let input = pattern(SIZE);

    let mut sent = 0;
    let mut output = Vec::new();
    let (mut whole, mut none, mut late) = (0, 0, 0);
    for round in 0..300 {
        let end = (sent + 1 + chance.below(1 << 20)).min(SIZE);
        let bytes = input[sent..end].to_vec();
        let len = bytes.len();
        let mut write = Box::pin(stdin.write(bytes));
        let (result, rest) = match poll_once(&mut write).await {
            Poll::Ready(done) => done,
            Poll::Pending => {
                if round % 2 == 1 {
                    // There will be room, at some time.
                    output.extend(read_some(&mut stdout, 1 + chance.below(400_000)).await);
                }
                turns(chance.below(4)).await;
                let (result, rest) = write.as_mut().cancel();
                match result {
                    StreamResult::Cancelled => none += 1,
                    _ => late += 1,
                }
                (result, rest)
            }
        };
        let written = match result {
            StreamResult::Complete(written) => {
                whole += usize::from(written == len);
                written
            }
            StreamResult::Cancelled => 0,
            StreamResult::Dropped => panic!("cat reads on"),
        };
        assert_eq!(rest.remaining(), len - written);
        assert!(rest.into_vec() == input[sent + written..end], "the rest is another");
        sent += written;
    }
    println!("{whole} writes took all; cancelled: {none} with nothing, {late} with some");
    assert!(none > 0 && sent > 1 << 20, "the pipe was never full");

    drop(stdin);
    ending.await.unwrap();
    output.extend(read_all(&mut stdout).await);
    assert_eq!(output.len(), sent);
    assert!(output == input[..sent], "what came out is not what went in");
}
