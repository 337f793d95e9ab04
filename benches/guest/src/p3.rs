//! The guest's half of the measurements, for WASI 0.3: does one piece of work as often as it is told and prints how long that
//! took, in nanoseconds.
//!
//! `bench-guest-p3 WORK TIMES SIZE`

#![forbid(unsafe_code)]

use std::error::Error;
use std::time::{Duration, Instant};

use childproof::asynchronous::{Child, Command, Stdio};
use futures::future::try_join_all;

/// What a program commonly reads and writes at a time.
const CHUNK: usize = 64 * 1024;

type Outcome = Result<(), Box<dyn Error>>;

childproof::main!(run);

async fn run() -> Outcome {
    let args: Vec<String> = std::env::args().collect();
    let [_, work, times, size] = args.as_slice() else {
        return Err("usage: bench-guest-p3 WORK TIMES SIZE".into());
    };
    let (times, size): (usize, usize) = (times.parse()?, size.parse()?);
    let took = match work.as_str() {
        "spawn" => timed(times, spawn).await?,
        "read" => timed(times, || read(size)).await?,
        "write" => {
            let chunk = vec![7; CHUNK];
            timed(times, || write(size, &chunk)).await?
        }
        "communicate" => communicate(times, size).await?,
        "concurrent" => timed(1, || concurrent(times, size)).await?,
        other => return Err(format!("no work is named {other}").into()),
    };
    println!("{}", took.as_nanos());
    Ok(())
}

async fn timed(times: usize, mut work: impl AsyncFnMut() -> Outcome) -> Result<Duration, Box<dyn Error>> {
    let start = Instant::now();
    for _ in 0..times {
        work().await?;
    }
    Ok(start.elapsed())
}

fn check(holds: bool, what: &str) -> Outcome {
    if holds { Ok(()) } else { Err(what.into()) }
}

fn program(name: &str) -> Command {
    let mut command = Command::new(name);
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    command
}

fn zeroes(bytes: usize) -> std::io::Result<Child> {
    program("head")
        .args(["-c", &bytes.to_string(), "/dev/zero"])
        .stdout(Stdio::piped())
        .spawn()
}

async fn spawn() -> Outcome {
    check(program("true").spawn()?.wait().await?.success(), "true failed")
}

async fn read(size: usize) -> Outcome {
    let mut child = zeroes(size)?;
    let mut stdout = child.stdout.take().ok_or("stdout is not piped")?;
    let mut buffer = vec![0; CHUNK];
    let mut total = 0;
    loop {
        match stdout.read(&mut buffer).await? {
            0 => break,
            read => total += read,
        }
    }
    child.wait().await?;
    check(total == size, "bytes are missing")
}

async fn write(size: usize, chunk: &[u8]) -> Outcome {
    let mut child = program("cat").stdin(Stdio::piped()).spawn()?;
    let mut stdin = child.stdin.take().ok_or("stdin is not piped")?;
    for _ in 0..size / chunk.len() {
        stdin.write_all(chunk).await?;
    }
    drop(stdin);
    check(child.wait().await?.success(), "cat failed")
}

/// Sends and receives `size` bytes, `times` times after once to warm up the guest's memory. To make the input, which is given
/// away each time, is not what is measured.
async fn communicate(times: usize, size: usize) -> Result<Duration, Box<dyn Error>> {
    let mut took = Duration::ZERO;
    for round in 0..=times {
        let input = vec![7; size];
        let start = Instant::now();
        let mut child = program("cat").stdin(Stdio::piped()).stdout(Stdio::piped()).spawn()?;
        let output = child.communicate(input).await?;
        if round > 0 {
            took += start.elapsed();
        }
        check(
            output.stdout.is_some_and(|stdout| stdout.len() == size),
            "bytes are missing",
        )?;
    }
    Ok(took)
}

async fn concurrent(children: usize, size: usize) -> Outcome {
    let outputs = (0..children).map(async |_| zeroes(size)?.wait_with_output().await);
    for output in try_join_all(outputs).await? {
        check(output.stdout.len() == size, "bytes are missing")?;
    }
    Ok(())
}
