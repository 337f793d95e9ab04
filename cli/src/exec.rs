//! `childproof exec`: one granted program, without a guest.

use std::process::ExitCode;

use anyhow::{Result, bail};
use childproof_host::process::{EndedBy, ExitStatus, Process, SpawnRequest, Stderr, Stdin, Stdout, Termination};
use childproof_host::{Error, ProcessCtx};

use crate::args::{ExecArgs, ProgramArgs, SandboxArgs};
use crate::interrupt::Interruptions;
use crate::{exit, report, runtime, sandbox};

pub(crate) fn exec(args: &ExecArgs) -> Result<ExitCode> {
    let request = request(&args.sandbox, &args.program)?;
    let recorder = sandbox::recorder(&args.watch)?;
    let context = sandbox::watched(sandbox::context(&args.sandbox)?, &recorder).build();
    let runtime = runtime::plain()?;
    let code = runtime.block_on(async {
        let mut interruptions = Interruptions::watch()?;
        let process = match start(&context, &request, recorder.refused_or(args.watch.quiet)) {
            Ok(process) => process,
            Err(code) => return Ok(code),
        };
        let ended = tokio::select! {
            biased;
            interruption = interruptions.next(args.watch.timeout) => Err(interruption),
            status = process.wait() => Ok(status),
        };
        process.close().await;
        recorder.all_ended().await;
        match ended {
            Ok(status) => Ok(code(&request.program, status?)),
            Err(interruption) => Ok(interruption.report(&request.program)),
        }
    });
    runtime.shutdown_background();
    code.map(ExitCode::from)
}
