//! `childproof exec`: one granted program, without a guest.

use std::process::ExitCode;

use anyhow::Result;
use childproof_host::Error;
use childproof_host::process::{EndedBy, ExitStatus, Termination};

use crate::args::ExecArgs;
use crate::interrupt::Interruptions;
use crate::{exit, report, runtime, sandbox};

pub(crate) fn exec(args: &ExecArgs) -> Result<ExitCode> {
    let request = sandbox::request(&args.sandbox, &args.program)?;
    let context = sandbox::context(&args.sandbox)?;
    let recorder = sandbox::recorder(&args.sandbox, &args.watch)?;
    let context = sandbox::watched(context, &recorder).build();
    let runtime = runtime::plain()?;
    let code = runtime.block_on(async {
        let mut interruptions = Interruptions::watch()?;
        let process = match context.spawn(&request) {
            Ok(process) => process,
            Err(error) => {
                if !recorder.refused() {
                    report::line(&format!("cannot run {}: {error}", request.program));
                }
                return Ok(not_started(&error));
            }
        };
        let ended = tokio::select! {
            biased;
            interruption = interruptions.next(args.watch.timeout) => Err(interruption),
            status = process.wait() => Ok(status),
        };
        process.close().await;
        recorder.all_ended().await;
        match ended {
            Ok(status) => Ok(ended_as(&request.program, status?)),
            Err(interruption) => Ok(interruption.report(&request.program)),
        }
    });
    runtime.shutdown_background();
    code.map(ExitCode::from)
}

fn not_started(error: &Error) -> u8 {
    match error {
        Error::ProgramNotFound => exit::NOT_FOUND,
        Error::UnknownGrant(_)
        | Error::Refused(_)
        | Error::InvalidArgument(_)
        | Error::Unsupported(_)
        | Error::QuotaExceeded(_)
        | Error::ProgramChanged
        | Error::ProgramBusy
        | Error::InterpreterNotFound
        | Error::NotExecutable => exit::REFUSED,
        _ => exit::FAILED,
    }
}

fn ended_as(name: &str, status: ExitStatus) -> u8 {
    if let EndedBy::Limit(limit) = status.ended_by {
        report::line(&format!("{name} was ended by a limit of the policy: {limit}"));
    }
    match status.termination {
        // The low eight bits are what a parent sees of any exit code.
        Termination::Exited(code) => code.to_le_bytes()[0],
        Termination::Signaled(signal) => exit::of_signal(signal),
    }
}
