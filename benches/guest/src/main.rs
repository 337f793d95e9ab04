//! The guest's half of the measurements: does one piece of work as often as it is told and prints how long that took, in
//! nanoseconds.
//!
//! `bench-guest WORK TIMES SIZE`

#![forbid(unsafe_code)]

use std::error::Error;
use std::io::{Read, Write};
use std::time::Instant;

use childproof::{Command, CommunicateOptions, Stdio};

/// What a program commonly reads and writes at a time.
const CHUNK: usize = 64 * 1024;

type Outcome = Result<(), Box<dyn Error>>;

fn main() -> Outcome {
    let args: Vec<String> = std::env::args().collect();
    let [_, work, times, size] = args.as_slice() else {
        return Err("usage: bench-guest WORK TIMES SIZE".into());
    };
    let (times, size): (usize, usize) = (times.parse()?, size.parse()?);
    let nanoseconds = match work.as_str() {
        "spawn" => timed(times, spawn)?,
        "read" => timed(times, || read(size))?,
        "write" => {
            let chunk = vec![7; CHUNK];
            timed(times, || write(size, &chunk))?
        }
        "communicate" => {
            let input = vec![7; size];
            // The first round warms up the guest's memory.
            communicate(&input)?;
            timed(times, || communicate(&input))?
        }
        "communicate-call" => {
            let input = vec![7; size];
            communicate_call(&input)?;
            timed(times, || communicate_call(&input))?
        }
        "pipeline" => timed(times, || pipeline(size))?,
        "concurrent" => timed(1, || concurrent(times, size))?,
        "alive" => timed(1, || alive(times))?,
        "hold" => timed(1, || hold(times))?,
        "long-run" => timed(1, || long_run(times))?,
        other => return Err(format!("no work is named {other}").into()),
    };
    println!("{nanoseconds}");
    Ok(())
}

fn timed(times: usize, mut work: impl FnMut() -> Outcome) -> Result<u128, Box<dyn Error>> {
    let start = Instant::now();
    for _ in 0..times {
        work()?;
    }
    Ok(start.elapsed().as_nanos())
}

fn check(holds: bool, what: &str) -> Outcome {
    if holds { Ok(()) } else { Err(what.into()) }
}

fn zeroes(bytes: usize) -> Command {
    let mut command = Command::new("head");
    command
        .args(["-c", &bytes.to_string(), "/dev/zero"])
        .stdin(Stdio::null())
        .stderr(Stdio::null());
    command
}

fn cat() -> Command {
    let mut command = Command::new("cat");
    command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null());
    command
}

fn spawn() -> Outcome {
    let status = Command::new("true")
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()?
        .wait()?;
    check(status.success(), "true failed")
}

fn read(size: usize) -> Outcome {
    let mut child = zeroes(size).stdout(Stdio::piped()).spawn()?;
    let mut stdout = child.stdout.take().ok_or("stdout is not piped")?;
    let mut buffer = vec![0; CHUNK];
    let mut total = 0;
    loop {
        match stdout.read(&mut buffer)? {
            0 => break,
            read => total += read,
        }
    }
    child.wait()?;
    check(total == size, "bytes are missing")
}

fn write(size: usize, chunk: &[u8]) -> Outcome {
    let mut child = cat().stdout(Stdio::null()).spawn()?;
    let mut stdin = child.stdin.take().ok_or("stdin is not piped")?;
    for _ in 0..size / chunk.len() {
        stdin.write_all(chunk)?;
    }
    drop(stdin);
    check(child.wait()?.success(), "cat failed")
}

fn communicate(input: &[u8]) -> Outcome {
    let output = cat().spawn()?.communicate(input)?;
    check(
        output.stdout.is_some_and(|stdout| stdout.len() == input.len()),
        "bytes are missing",
    )
}

fn communicate_call(input: &[u8]) -> Outcome {
    let output = cat()
        .spawn_hosted()?
        .communicate(Some(input), &CommunicateOptions::new())?;
    check(
        output.stdout.is_some_and(|stdout| stdout.len() == input.len()),
        "bytes are missing",
    )
}

fn pipeline(size: usize) -> Outcome {
    let mut first = zeroes(size).stdout(Stdio::piped()).spawn()?;
    let mut second = cat()
        .stdin(Stdio::from(first.stdout.take().ok_or("stdout is not piped")?))
        .spawn()?;
    let last = Command::new("wc")
        .arg("-c")
        .stdin(Stdio::from(second.stdout.take().ok_or("stdout is not piped")?))
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()?;
    let output = last.wait_with_output()?;
    first.wait()?;
    second.wait()?;
    check(
        String::from_utf8(output.stdout)?.trim() == size.to_string(),
        "bytes are missing",
    )
}

fn concurrent(children: usize, size: usize) -> Outcome {
    let children = (0..children)
        .map(|_| zeroes(size).stdout(Stdio::piped()).spawn())
        .collect::<Result<Vec<_>, _>>()?;
    for child in children {
        check(child.wait_with_output()?.stdout.len() == size, "bytes are missing")?;
    }
    Ok(())
}

/// Processes that are all alive until the last was started, and then end.
fn alive(children: usize) -> Outcome {
    let mut alive = (0..children)
        .map(|_| cat().stdout(Stdio::null()).spawn())
        .collect::<Result<Vec<_>, _>>()?;
    for child in &mut alive {
        drop(child.stdin.take());
    }
    for mut child in alive {
        check(child.wait()?.success(), "cat failed")?;
    }
    Ok(())
}

/// The host looks at itself.
fn mark() -> Outcome {
    let status = Command::new("mark")
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()?;
    check(status.success(), "mark failed")
}

/// Holds processes alive between two calls of `mark`, at which the host looks at its memory.
fn hold(children: usize) -> Outcome {
    // Once for what the first process of all costs.
    cat().spawn()?.communicate([])?;
    mark()?;
    let held = (0..children).map(|_| cat().spawn()).collect::<Result<Vec<_>, _>>()?;
    mark()?;
    drop(held);
    Ok(())
}

/// Spawns one process after the other between two calls of `mark`.
fn long_run(times: usize) -> Outcome {
    // What is made for the first processes, and kept, is there before.
    for _ in 0..1_000 {
        spawn()?;
    }
    mark()?;
    for _ in 0..times {
        spawn()?;
    }
    mark()
}
