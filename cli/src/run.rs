//! `childproof run`: a guest, from its file to its exit code.

use std::iter;
use std::process::ExitCode;

use anyhow::Result;

use crate::args::RunArgs;
use crate::component::Loader;
use crate::guest::{self, Outputs};
use crate::interrupt::Interruptions;
use crate::{runtime, sandbox};

pub(crate) fn run(args: &RunArgs) -> Result<ExitCode> {
    let name = args.guest.file.to_string_lossy();
    let argv: Vec<&str> = iter::once(&*name)
        .chain(args.guest.args.iter().map(String::as_str))
        .collect();
    let context = sandbox::context(&args.sandbox)?;
    let recorder = sandbox::recorder(&args.sandbox, &args.watch)?;
    let context = sandbox::watched(context, &recorder).build();
    let outputs = Outputs::new()?;
    let wasi = guest::wasi(&args.sandbox, &argv, &outputs)?;
    let loader = Loader::new(!args.no_cache, &args.sandbox.dir)?;
    let command = loader.load(&args.guest.file)?;
    let runtime = runtime::for_guest(loader.engine())?;
    let code = runtime.block_on(async {
        let mut interruptions = Interruptions::watch()?;
        let mut store = guest::store(loader.engine(), wasi, context);
        let ended = tokio::select! {
            biased;
            interruption = interruptions.next(args.watch.timeout) => Err(interruption),
            code = async {
                let code = guest::run(&command, &mut store, &name).await;
                outputs.drained().await;
                code
            } => Ok(code),
        };
        // The guest's processes end with its store.
        drop(store);
        recorder.all_ended().await;
        Ok::<_, anyhow::Error>(ended.unwrap_or_else(|interruption| interruption.report("the guest")))
    });
    // A thread that still reads for the guest is not waited for.
    runtime.shutdown_background();
    code.map(ExitCode::from)
}
