//! Processes through the host's own interface, without a guest: what `childproof exec` and other front ends rely on.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use childproof_host::audit::AuditEvent;
use childproof_host::policy::{Arguments, Confine, Grant, Limits, LoadOptions, Policy, Tier};
use childproof_host::process::{
    CommunicateOptions, EndedBy, Limit, PipeWriter, Process, Signal, SpawnRequest, Stderr, Stdin, Stdout, StoppedBy,
    Termination,
};
use childproof_host::{Captured, Error, Preopen, ProcessCtx, ProcessCtxBuilder, Quota};
use tokio::task::JoinSet;

fn policy() -> Policy {
    Policy::new()
        .grant("sh", Grant::program("/bin/sh").args(Arguments::Any))
        .grant("cat", Grant::program("/bin/cat").args(Arguments::Any))
}

fn builder(policy: &Policy) -> ProcessCtxBuilder {
    ProcessCtx::builder(policy.load(&LoadOptions::default()).unwrap())
}

fn piped(program: &str, args: &[&str]) -> SpawnRequest {
    let mut request = SpawnRequest::new(program);
    request.args = args.iter().map(|arg| (*arg).to_owned()).collect();
    request.stdin = Stdin::Piped;
    request.stdout = Stdout::Piped;
    request.stderr = Stderr::Own(Stdout::Piped);
    request
}

fn sh(script: &str) -> SpawnRequest {
    piped("sh", &["-c", script])
}

#[tokio::test]
async fn communicate_moves_much_data_both_ways_and_byte_for_byte() {
    let ctx = builder(&policy()).build();
    let input: Vec<u8> = (0..8 << 20)
        .map(|byte: u32| (byte.wrapping_mul(2_654_435_761) >> 24) as u8)
        .collect();
    let process = ctx.spawn(&piped("cat", &[])).unwrap();
    let output = process
        .communicate(Some(input.clone()), CommunicateOptions::default())
        .await
        .unwrap();
    assert!(output.status.success() && output.complete);
    assert_eq!(output.stderr.as_deref(), Some(&b""[..]));
    assert!(output.stdout.unwrap() == input, "what came back is not what was sent");
}

#[tokio::test]
async fn a_communicate_that_timed_out_goes_on_where_it_was() {
    let ctx = builder(&policy()).build();
    let process = ctx.spawn(&sh("echo before; read line; echo $line; cat >&2")).unwrap();
    let soon = CommunicateOptions {
        timeout: Some(Duration::from_millis(1)),
        ..CommunicateOptions::default()
    };
    // The process waits for a line that does not come, so each of these calls times out, whatever the machine's load.
    let stdin = process.take_stdin().unwrap();
    for _ in 0..3 {
        assert_eq!(process.communicate(None, soon).await, Err(Error::TimedOut));
    }
    stdin.writable().await.unwrap();
    assert_eq!(stdin.try_write(b"after\n").unwrap(), 6);
    drop(stdin);
    let output = process.communicate(None, CommunicateOptions::default()).await.unwrap();
    assert_eq!(output.stdout.as_deref(), Some(&b"before\nafter\n"[..]));
}

#[tokio::test]
async fn output_past_the_cap_is_an_error_that_carries_what_was_read_and_loses_nothing() {
    let ctx = builder(&policy()).build();
    let process = ctx.spawn(&sh("printf 0123456789; printf abc >&2")).unwrap();
    process.wait().await.unwrap();
    let few = CommunicateOptions {
        output_limit: Some(4),
        ..CommunicateOptions::default()
    };
    let mut captured = Captured {
        stdout: Some(Vec::new()),
        stderr: Some(Vec::new()),
    };
    let append = |captured: &mut Captured, more: Captured| {
        captured.stdout.as_mut().unwrap().extend(more.stdout.unwrap());
        captured.stderr.as_mut().unwrap().extend(more.stderr.unwrap());
    };
    let mut calls = 0;
    loop {
        calls += 1;
        match process.communicate(None, few).await {
            Err(Error::OutputLimitReached(part)) => {
                let held = part.stdout.as_ref().unwrap().len() + part.stderr.as_ref().unwrap().len();
                assert_eq!(held, 4);
                append(&mut captured, part);
            }
            Ok(output) => {
                append(
                    &mut captured,
                    Captured {
                        stdout: output.stdout,
                        stderr: output.stderr,
                    },
                );
                break;
            }
            Err(other) => panic!("{other}"),
        }
    }
    assert_eq!(calls, 4);
    assert_eq!(captured.stdout.as_deref(), Some(&b"0123456789"[..]));
    assert_eq!(captured.stderr.as_deref(), Some(&b"abc"[..]));
}

/// What a child leaves behind lives on.
fn unconfined() -> Policy {
    policy().confine(Confine {
        tier: Some(Tier::None),
        ..Confine::default()
    })
}

#[tokio::test]
async fn what_a_confined_child_leaves_behind_ends_with_it_and_communicate_is_complete() {
    let ctx = builder(&policy()).build();
    let left = "echo out; setsid sh -c 'trap \"\" HUP TERM; while :; do sleep 1000; done' & exit 3";
    let process = ctx.spawn(&sh(left)).unwrap();
    // It would go on reading for ever.
    let options = CommunicateOptions {
        drain: Some(Duration::MAX),
        ..CommunicateOptions::default()
    };
    let output = process.communicate(None, options).await.unwrap();
    assert_eq!(output.status.termination, Termination::Exited(3));
    assert_eq!(output.stdout.as_deref(), Some(&b"out\n"[..]));
    assert!(output.complete);
}

#[tokio::test]
async fn a_grandchild_that_holds_a_pipe_cannot_hang_communicate() {
    let ctx = builder(&unconfined()).build();
    let process = ctx.spawn(&sh("echo out; sleep 1000 & exit 3")).unwrap();
    let options = CommunicateOptions {
        drain: Some(Duration::from_millis(20)),
        ..CommunicateOptions::default()
    };
    let output = process.communicate(None, options).await.unwrap();
    assert_eq!(output.status.termination, Termination::Exited(3));
    assert_eq!(output.stdout.as_deref(), Some(&b"out\n"[..]));
    assert!(!output.complete);
}

#[tokio::test]
async fn four_ends_can_be_told_apart() {
    let limits = |limits| policy().limits(limits);
    let end = |policy: Policy, script: &'static str| async move {
        let process = builder(&policy).build().spawn(&sh(script)).unwrap();
        process.wait().await.unwrap()
    };
    let exited = end(policy(), "exit 137").await;
    assert_eq!(
        (exited.termination, exited.ended_by),
        (Termination::Exited(137), EndedBy::Itself)
    );
    let signaled = end(policy(), "kill -KILL $$").await;
    assert_eq!(
        (signaled.termination, signaled.ended_by),
        (Termination::Signaled(Signal::Kill), EndedBy::Itself)
    );

    let wall = Limits {
        wall: Some(Duration::from_millis(50)),
        ..Limits::default()
    };
    assert_eq!(
        end(limits(wall), "sleep 1000").await.ended_by,
        EndedBy::Limit(Limit::WallTime)
    );
    let cpu = Limits {
        cpu: Some(Duration::from_secs(1)),
        ..Limits::default()
    };
    assert_eq!(
        end(limits(cpu.clone()), "while :; do :; done").await.ended_by,
        EndedBy::Limit(Limit::CpuTime)
    );
    let stubborn = "trap '' XCPU; while :; do :; done";
    assert_eq!(
        end(limits(cpu), stubborn).await.ended_by,
        EndedBy::Limit(Limit::CpuTime)
    );
    let file = Limits {
        file_size: Some(0),
        ..Limits::default()
    };
    let writer = "exec 3>/tmp/childproof-test-$$; rm /tmp/childproof-test-$$; printf x >&3";
    assert_eq!(
        end(limits(file), writer).await.ended_by,
        EndedBy::Limit(Limit::FileSize)
    );

    let process = builder(&policy()).build().spawn(&sh("sleep 1000")).unwrap();
    process.kill().unwrap();
    assert_eq!(process.wait().await.unwrap().ended_by, EndedBy::Guest);
}

#[tokio::test]
async fn a_process_that_writes_more_than_it_may_is_ended_by_the_limit() {
    let limits = Limits {
        output: Some(100_000),
        ..Limits::default()
    };
    let ctx = builder(&policy().limits(limits)).build();
    let endless = ctx
        .spawn(&sh("while :; do echo yyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyy; done"))
        .unwrap();
    let output = endless.communicate(None, CommunicateOptions::default()).await.unwrap();
    assert_eq!(output.status.ended_by, EndedBy::Limit(Limit::Output));
    assert_eq!(output.stdout.unwrap().len(), 100_000);

    let just_enough = ctx.spawn(&sh("head -c 100000 /dev/zero")).unwrap();
    let output = just_enough
        .communicate(None, CommunicateOptions::default())
        .await
        .unwrap();
    assert!(output.status.success());
    assert_eq!(output.stdout.unwrap().len(), 100_000);
}

#[tokio::test]
async fn stop_says_what_ended_the_process() {
    let ctx = builder(&policy()).build();
    let ended = ctx.spawn(&sh("exit 0")).unwrap();
    ended.wait().await.unwrap();
    assert_eq!(ended.stop(Duration::MAX).await.unwrap().by, StoppedBy::AlreadyEnded);

    let polite = ctx.spawn(&sh("sleep 1000")).unwrap();
    let stopped = polite.stop(Duration::MAX).await.unwrap();
    assert_eq!(stopped.by, StoppedBy::Terminate);
    assert_eq!(stopped.status.termination, Termination::Signaled(Signal::Term));

    // It says when it ignores the signal.
    let stubborn = ctx
        .spawn(&sh("trap '' TERM; echo ready; while :; do sleep 1000; done"))
        .unwrap();
    let stdout = stubborn.take_stdout().unwrap();
    stdout.readable().await.unwrap();
    let stopped = stubborn.stop(Duration::from_millis(20)).await.unwrap();
    assert_eq!(stopped.by, StoppedBy::Kill);
    assert_eq!(stopped.status.ended_by, EndedBy::Guest);
}

#[tokio::test]
async fn quotas_bound_live_processes_and_spawns() {
    let limits = Limits {
        live: Some(2),
        spawns: Some(3),
        ..Limits::default()
    };
    let ctx = builder(&policy().limits(limits)).build();
    let first = ctx.spawn(&sh("sleep 1000")).unwrap();
    let _second = ctx.spawn(&sh("sleep 1000")).unwrap();
    assert_eq!(
        ctx.spawn(&sh("true")).unwrap_err(),
        Error::QuotaExceeded(Quota::LiveProcesses)
    );
    first.close().await;
    let _third = ctx.spawn(&sh("sleep 1000")).unwrap();
    assert_eq!(
        ctx.spawn(&sh("true")).unwrap_err(),
        Error::QuotaExceeded(Quota::TotalSpawns)
    );
}

#[tokio::test]
async fn the_hook_can_only_refuse() {
    let ctx = builder(&policy())
        .hook(|proposal: &childproof_host::Proposal<'_>| match proposal.args {
            [_, script] if script.contains("rm") => Err("the hook wants no rm".to_owned()),
            _ => Ok(()),
        })
        .build();
    assert!(ctx.spawn(&sh("true")).is_ok());
    let Err(Error::Refused(problem)) = ctx.spawn(&sh("rm -rf /nowhere")) else {
        panic!("it was not refused")
    };
    assert_eq!(problem.message, "the hook wants no rm");
    assert!(matches!(
        ctx.spawn(&SpawnRequest::new("other")),
        Err(Error::UnknownGrant(_))
    ));
}

#[tokio::test]
async fn the_operator_is_told_what_happens_in_order() {
    let events = Arc::new(Mutex::new(Vec::new()));
    let sink = events.clone();
    let ctx = builder(&policy())
        .audit(move |event: &AuditEvent| sink.lock().unwrap().push(event.clone()))
        .build();
    ctx.spawn(&sh("exit 7")).unwrap().wait().await.unwrap();
    ctx.spawn(&SpawnRequest::new("shh")).unwrap_err();
    let abandoned = ctx.spawn(&sh("sleep 1000")).unwrap();
    abandoned.close().await;
    let told: Vec<String> = events
        .lock()
        .unwrap()
        .iter()
        .map(|event| match event {
            AuditEvent::Granted { id, grant, rule, .. } => format!("granted {id} {grant} by {rule}"),
            AuditEvent::Started { id, .. } => format!("started {id}"),
            AuditEvent::Ended { id, status, by, .. } => format!("ended {id} {status} by {by}"),
            AuditEvent::Refused { grant, field, .. } => format!("refused {grant} {field}"),
            other => format!("{other:?}"),
        })
        .collect();
    assert_eq!(
        told,
        [
            "granted 1 sh by grants.sh.args",
            "started 1",
            "ended 1 exited 7 by itself",
            "refused shh program",
            "granted 2 sh by grants.sh.args",
            "started 2",
            "ended 2 signaled SIGKILL by guest",
        ]
    );
}

#[tokio::test]
async fn a_child_to_child_pipe_carries_everything_and_its_end() {
    let ctx = builder(&policy()).build();
    let mut first = SpawnRequest::new("sh");
    first.args = vec!["-c".to_owned(), "head -c 3000000 /dev/zero".to_owned()];
    first.stdout = Stdout::Piped;
    let producer = ctx.spawn(&first).unwrap();
    let mut second = sh("wc -c");
    second.stdin = Stdin::Pipe(childproof_host::process::PipeSlot::new(producer.take_stdout().unwrap()));
    let consumer = ctx.spawn(&second).unwrap();
    let output = consumer.communicate(None, CommunicateOptions::default()).await.unwrap();
    assert_eq!(String::from_utf8(output.stdout.unwrap()).unwrap().trim(), "3000000");
    let Err(Error::InvalidArgument(problem)) = ctx.spawn(&second) else {
        panic!("a used-up pipe was taken again")
    };
    assert_eq!(problem.field, "stdin");
}

#[tokio::test]
async fn a_failed_spawn_leaves_the_pipe_to_be_passed_on_as_it_was() {
    let ctx = builder(&policy()).build();
    let mut producer = SpawnRequest::new("sh");
    producer.args = vec!["-c".to_owned(), "read line; echo late".to_owned()];
    producer.stdin = Stdin::Piped;
    producer.stdout = Stdout::Piped;
    let producer = ctx.spawn(&producer).unwrap();
    let slot = childproof_host::process::PipeSlot::new(producer.take_stdout().unwrap());
    let mut bad = SpawnRequest::new("sh");
    bad.args = vec!["x".repeat(200_000)];
    bad.stdin = Stdin::Pipe(slot.clone());
    assert_eq!(ctx.spawn(&bad).unwrap_err(), Error::ArgumentsTooLong);
    let mut good = sh("cat");
    good.stdin = Stdin::Pipe(slot);
    let consumer = ctx.spawn(&good).unwrap();
    let stdin = producer.take_stdin().unwrap();
    stdin.writable().await.unwrap();
    assert_eq!(stdin.try_write(b"go\n").unwrap(), 3);
    let output = consumer.communicate(None, CommunicateOptions::default()).await.unwrap();
    assert_eq!(output.stdout.as_deref(), Some(&b"late\n"[..]));
}

#[tokio::test]
async fn a_limit_that_comes_after_the_end_did_not_end_the_process() {
    let ctx = builder(&policy()).build();
    let mut request = sh("sleep 1000");
    request.timeout = Some(Duration::from_millis(30));
    let killed = ctx.spawn(&request).unwrap();
    killed.kill().unwrap();
    // Its timer is the later one: when it has run out, so has that of the process killed before.
    let timed = ctx.spawn(&request).unwrap();
    assert_eq!(timed.wait().await.unwrap().ended_by, EndedBy::Limit(Limit::WallTime));
    assert_eq!(killed.wait().await.unwrap().ended_by, EndedBy::Guest);
}

#[tokio::test]
async fn a_kill_that_comes_after_the_end_did_not_end_the_process() {
    let ctx = builder(&policy()).build();
    let process = ctx.spawn(&sh("kill -KILL $$")).unwrap();
    // The end of its output comes with its own.
    let stdout = process.take_stdout().unwrap();
    let mut nothing = Vec::new();
    loop {
        stdout.readable().await.unwrap();
        match stdout.try_read(&mut nothing, 1) {
            Ok(0) => break,
            other => assert!(other.is_err_and(|error| error.kind() == std::io::ErrorKind::WouldBlock)),
        }
    }
    while process.try_wait().unwrap().is_none() {
        tokio::task::yield_now().await;
    }
    process.kill().unwrap();
    assert_eq!(process.wait().await.unwrap().ended_by, EndedBy::Itself);
}

#[tokio::test]
async fn an_endless_grandchild_cannot_keep_communicate_from_its_deadlines() {
    let limits = Limits {
        capture: Some(1 << 40),
        ..Limits::default()
    };
    let ctx = builder(&unconfined().limits(limits)).build();
    let process = ctx.spawn(&sh("while :; do echo yes; done & exit 0")).unwrap();
    let options = CommunicateOptions {
        drain: Some(Duration::ZERO),
        ..CommunicateOptions::default()
    };
    let output = process.communicate(None, options).await.unwrap();
    assert!(output.status.success() && !output.complete);
}

#[tokio::test]
async fn more_output_than_input_arrives_in_order() {
    let ctx = builder(&policy()).build();
    let process = ctx.spawn(&sh("cat; head -c 300000 /dev/zero; cat >&2")).unwrap();
    let input: Vec<u8> = (0..200_000_u32).map(|byte| byte as u8).collect();
    let output = process
        .communicate(Some(input.clone()), CommunicateOptions::default())
        .await
        .unwrap();
    let stdout = output.stdout.unwrap();
    assert_eq!(stdout.len(), 500_000);
    assert!(stdout[..200_000] == input && stdout[200_000..].iter().all(|byte| *byte == 0));
}

#[tokio::test]
async fn a_limit_above_the_hosts_own_is_no_reason_to_fail() {
    let limits = Limits {
        open_files: Some(1 << 30),
        ..Limits::default()
    };
    let ctx = builder(&policy().limits(limits)).build();
    assert!(ctx.spawn(&sh("exit 0")).unwrap().wait().await.unwrap().success());
}

#[tokio::test]
async fn a_guest_cannot_fill_the_operators_log() {
    let lengths = Arc::new(Mutex::new(Vec::new()));
    let sink = lengths.clone();
    let record = move |event: &AuditEvent| sink.lock().unwrap().push(format!("{event:?}").len());
    let ctx = builder(&policy()).audit(record).build();
    let mut request = SpawnRequest::new("x".repeat(1 << 20));
    request.args = vec!["y".repeat(1 << 20); 3];
    ctx.spawn(&request).unwrap_err();
    assert!(lengths.lock().unwrap().iter().all(|length| *length < 20_000));
}

#[tokio::test]
async fn a_directory_through_which_a_program_could_be_replaced_is_no_preopen() {
    let directory = tempfile::tempdir().unwrap();
    let program = directory.path().join("tool");
    std::fs::copy("/bin/true", &program).unwrap();
    let policy = Policy::new().grant("tool", Grant::program(&program));
    let preopen = |writable| Preopen::open(directory.path(), "/data", writable).unwrap();
    // The policy was loaded without a word of the directory.
    let error = builder(&policy).preopen(preopen(true)).unwrap_err();
    assert_eq!(error.grant.as_deref(), Some("tool"));
    assert!(builder(&policy).preopen(preopen(false)).is_ok());
}

#[tokio::test]
async fn what_a_call_that_timed_out_has_read_does_not_exceed_the_limit_of_the_next() {
    let ctx = builder(&policy()).build();
    // It writes nothing more, and lives on until its input ends.
    let process = ctx.spawn(&sh("printf 0123456789; printf abc >&2; cat")).unwrap();
    let stdin = process.take_stdin().unwrap();
    let soon = CommunicateOptions {
        timeout: Some(Duration::from_millis(20)),
        ..CommunicateOptions::default()
    };
    let few = CommunicateOptions {
        output_limit: Some(11),
        ..soon
    };
    let captured = loop {
        // Until all has been read, which the first call need not have done, each call ends by its timeout.
        assert_eq!(process.communicate(None, soon).await, Err(Error::TimedOut));
        if let Err(Error::OutputLimitReached(captured)) = process.communicate(None, few).await {
            break captured;
        }
    };
    assert_eq!(captured.stdout.as_deref(), Some(&b"0123456789"[..]));
    assert_eq!(captured.stderr.as_deref(), Some(&b"a"[..]));
    drop(stdin);
    let rest = process.communicate(None, CommunicateOptions::default()).await.unwrap();
    assert_eq!(rest.stdout.as_deref(), Some(&b""[..]));
    assert_eq!(rest.stderr.as_deref(), Some(&b"bc"[..]));
}

/// The bound on what calls of `communicate` hold, as the documentation has it.
const HELD: usize = 64 << 20;

const FULL: Error = Error::QuotaExceeded(Quota::HeldBytes);

/// A process that runs the script and then lives until what comes with it is dropped.
fn gated(ctx: &ProcessCtx, script: &str) -> (Arc<Process>, PipeWriter) {
    let process = ctx.spawn(&sh(&format!("{script}; read line; exit 3"))).unwrap();
    let gate = process.take_stdin().unwrap();
    (Arc::new(process), gate)
}

/// No conversation is kept: all the room there is can be had, and no byte more.
async fn nothing_is_held(ctx: &ProcessCtx) {
    let at_once = CommunicateOptions {
        timeout: Some(Duration::ZERO),
        ..CommunicateOptions::default()
    };
    // It reads nothing, so what is given to it is kept.
    let sleep = || ctx.spawn(&sh("exec sleep 1000")).unwrap();
    let (second, third) = (sleep(), sleep());
    let process = sleep();
    assert_eq!(
        process.communicate(Some(vec![0; HELD]), at_once).await,
        Err(Error::TimedOut)
    );
    assert_eq!(second.communicate(None, at_once).await, Err(Error::TimedOut));
    drop(process);
    let process = sleep();
    assert_eq!(
        process.communicate(Some(vec![0; HELD + 1]), at_once).await,
        Err(Error::TimedOut)
    );
    assert_eq!(third.communicate(None, at_once).await, Err(FULL));
}

async fn calls_under_way_hold_a_bounded_number_of_bytes() {
    const WRITERS: usize = 8;
    const SCRIPT: &str = "seq 3000000";
    let all = std::process::Command::new("sh")
        .args(["-c", SCRIPT])
        .output()
        .unwrap()
        .stdout;
    // So many of them can hold all that they write.
    let unbounded = (HELD + all.len()) / all.len();
    let all = Some(all);
    let ctx = builder(&policy()).build();
    let (quiet, quiet_gate) = gated(&ctx, ":");
    let silent = tokio::spawn({
        let quiet = quiet.clone();
        async move { quiet.communicate(None, CommunicateOptions::default()).await }
    });
    let mut calls = JoinSet::new();
    let mut gates = Vec::new();
    let mut writers = Vec::new();
    for writer in 0..WRITERS {
        let (process, gate) = gated(&ctx, SCRIPT);
        gates.push(gate);
        writers.push(process.clone());
        // They come to no end of their own. Were none refused, this says so.
        let long = CommunicateOptions {
            timeout: Some(Duration::from_secs(60)),
            ..CommunicateOptions::default()
        };
        calls.spawn(async move { (writer, process.communicate(None, long).await) });
    }
    // While they live, no call but one that fails comes to an end.
    let mut refused = Vec::new();
    while refused.len() < WRITERS - unbounded {
        let (writer, answer) = calls.join_next().await.unwrap().unwrap();
        assert_eq!(answer.map(|_| ()), Err(FULL));
        refused.push(writer);
    }
    // Where others hold too much, an end of a stream is none of their business.
    drop(quiet_gate);
    let output = silent.await.unwrap().unwrap();
    assert_eq!(output.status.termination, Termination::Exited(3));
    assert_eq!(output.stdout.as_deref(), Some(&b""[..]));

    gates.clear();
    while let Some(call) = calls.join_next().await {
        match call.unwrap() {
            (_, Ok(output)) => assert!(output.stdout == all, "not what it wrote"),
            (writer, Err(error)) => {
                assert_eq!(error, FULL);
                refused.push(writer);
            }
        }
    }
    // One after the other goes on, and one of them always may.
    while !refused.is_empty() {
        let before = refused.len();
        for writer in std::mem::take(&mut refused) {
            match writers[writer].communicate(None, CommunicateOptions::default()).await {
                Ok(output) => assert!(output.stdout == all, "not what it wrote"),
                Err(error) => {
                    assert_eq!(error, FULL);
                    refused.push(writer);
                }
            }
        }
        assert!(refused.len() < before, "none of {refused:?} may go on");
    }
    nothing_is_held(&ctx).await;
}

#[tokio::test]
async fn calls_under_way_in_one_thread_hold_a_bounded_number_of_bytes() {
    calls_under_way_hold_a_bounded_number_of_bytes().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn calls_under_way_in_many_threads_hold_a_bounded_number_of_bytes() {
    calls_under_way_hold_a_bounded_number_of_bytes().await;
}

#[tokio::test]
async fn what_others_hold_is_no_matter_to_a_call_that_waits_or_sends() {
    let ctx = builder(&policy()).build();
    let at_once = CommunicateOptions {
        timeout: Some(Duration::ZERO),
        ..CommunicateOptions::default()
    };
    let cat = ctx.spawn(&piped("cat", &[])).unwrap();
    let input: Vec<u8> = (0..8 << 20).map(|byte: u32| (byte >> 8) as u8).collect();
    let (waits, gate) = gated(&ctx, ":");
    let hog = ctx.spawn(&sh("exec sleep 1000")).unwrap();
    let (refused, _gate) = gated(&ctx, ":");
    let (sent, waited, ()) = tokio::join!(
        biased;
        // What it answers comes to lie where its input was.
        cat.communicate(Some(input.clone()), CommunicateOptions::default()),
        waits.communicate(None, CommunicateOptions::default()),
        // Both have begun, while there was room.
        async {
            let much = Some(vec![0; HELD + 1]);
            assert_eq!(hog.communicate(much, at_once).await, Err(Error::TimedOut));
            assert_eq!(refused.communicate(None, at_once).await, Err(FULL));
            drop(gate);
        }
    );
    assert!(sent.unwrap().stdout.unwrap() == input);
    assert_eq!(waited.unwrap().status.termination, Termination::Exited(3));
}

#[tokio::test]
async fn calls_that_wait_hold_nothing() {
    let ctx = builder(&policy()).build();
    let waiting: Vec<_> = (0..40).map(|_| gated(&ctx, ":")).collect();
    let mut calls: Vec<_> = waiting
        .iter()
        .map(|(process, _gate)| Box::pin(process.communicate(None, CommunicateOptions::default())))
        .collect();
    for call in &mut calls {
        tokio::select! {
            biased;
            answer = call => panic!("it has not ended: {answer:?}"),
            () = async {} => {}
        }
    }
    nothing_is_held(&ctx).await;
}
