//! The peer: the same work with tokio's processes, and whole commands.

use std::process::Stdio;
use std::time::Instant;

use anyhow::{Context, Result, ensure};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::process::Command;

const CHUNK: usize = 64 * 1024;

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

fn since(start: Instant) -> f64 {
    start.elapsed().as_nanos() as f64
}

/// The program that is spawned to see what spawning takes.
pub(crate) fn program() -> Command {
    Command::new("true")
}

pub(crate) async fn spawn(times: usize, program: impl Fn() -> Command) -> Result<f64> {
    let start = Instant::now();
    for _ in 0..times {
        let mut command = program();
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        ensure!(command.spawn()?.wait().await?.success(), "{command:?} failed");
    }
    Ok(since(start))
}

pub(crate) async fn read(size: usize) -> Result<f64> {
    let start = Instant::now();
    let mut child = zeroes(size).stdout(Stdio::piped()).spawn()?;
    let mut stdout = child.stdout.take().context("stdout is not piped")?;
    let mut buffer = vec![0; CHUNK];
    let mut total = 0;
    loop {
        match stdout.read(&mut buffer).await? {
            0 => break,
            read => total += read,
        }
    }
    child.wait().await?;
    ensure!(total == size, "bytes are missing");
    Ok(since(start))
}

pub(crate) async fn write(size: usize) -> Result<f64> {
    let chunk = vec![7; CHUNK];
    let start = Instant::now();
    let mut child = cat().stdout(Stdio::null()).spawn()?;
    let mut stdin = child.stdin.take().context("stdin is not piped")?;
    for _ in 0..size / CHUNK {
        stdin.write_all(&chunk).await?;
    }
    drop(stdin);
    ensure!(child.wait().await?.success(), "cat failed");
    Ok(since(start))
}

/// Feeds and drains `cat` at the same time, `times` times after once to warm up, with buffers that are kept.
pub(crate) async fn communicate(times: usize, size: usize) -> Result<f64> {
    let input = vec![7; size];
    let mut output = Vec::with_capacity(size + CHUNK);
    let mut start = Instant::now();
    for round in 0..=times {
        if round == 1 {
            start = Instant::now();
        }
        output.clear();
        let mut child = cat().spawn()?;
        let mut stdin = child.stdin.take().context("stdin is not piped")?;
        let mut stdout = child.stdout.take().context("stdout is not piped")?;
        let send = async {
            stdin.write_all(&input).await?;
            drop(stdin);
            std::io::Result::Ok(())
        };
        futures::try_join!(send, stdout.read_to_end(&mut output))?;
        child.wait().await?;
        ensure!(output.len() == size, "bytes are missing");
    }
    Ok(since(start))
}

/// What a shell does with `head | cat | wc`.
pub(crate) async fn pipeline(size: usize) -> Result<f64> {
    let start = Instant::now();
    let output = Command::new("sh")
        .args(["-c", &format!("head -c {size} /dev/zero | cat | wc -c")])
        .output()
        .await?;
    ensure!(
        String::from_utf8(output.stdout)?.trim() == size.to_string(),
        "bytes are missing"
    );
    Ok(since(start))
}

pub(crate) async fn concurrent(children: usize, size: usize) -> Result<f64> {
    let start = Instant::now();
    let outputs = (0..children).map(|_| {
        let mut command = zeroes(size);
        command.stdout(Stdio::piped());
        async move { command.spawn()?.wait_with_output().await }
    });
    for output in futures::future::try_join_all(outputs).await? {
        ensure!(output.stdout.len() == size, "bytes are missing");
    }
    Ok(since(start))
}

/// Processes that are all alive until the last was started, and then end.
pub(crate) async fn alive(children: usize) -> Result<f64> {
    let start = Instant::now();
    let mut alive = (0..children)
        .map(|_| cat().stdout(Stdio::null()).spawn())
        .collect::<Result<Vec<_>, _>>()?;
    for child in &mut alive {
        drop(child.stdin.take());
    }
    for child in &mut alive {
        ensure!(child.wait().await?.success(), "cat failed");
    }
    Ok(since(start))
}

/// Runs a command to its end.
pub(crate) fn command(command: &mut std::process::Command) -> Result<f64> {
    let start = Instant::now();
    let output = command
        .stdin(Stdio::null())
        .output()
        .with_context(|| format!("cannot run {command:?}"))?;
    ensure!(
        output.status.success(),
        "{command:?} failed: {}",
        String::from_utf8_lossy(&output.stderr)
    );
    Ok(since(start))
}
