//! `childproof run`: a guest, from its file to its exit code.

use std::path::Path;
use std::process::ExitCode;

use anyhow::{Result, bail};

use crate::args::RunArgs;
use crate::component::Loader;
use crate::guest::{self, Outputs};
use crate::interrupt::Interruptions;
use crate::{runtime, sandbox};

pub(crate) fn run(args: &RunArgs) -> Result<ExitCode> {
    let Some(path) = args.guest.first() else {
        bail!("no component is named")
    };
    let recorder = sandbox::recorder(&args.watch)?;
    let context = sandbox::watched(sandbox::context(&args.sandbox)?, &recorder).build();
    let outputs = Outputs::new()?;
    let wasi = guest::wasi(&args.sandbox, &args.guest, &outputs)?;
    let loader = Loader::new(!args.no_cache)?;
    let command = loader.load(Path::new(path))?;
    let runtime = runtime::for_guest(loader.engine())?;
    let code = runtime.block_on(async {
        let mut interruptions = Interruptions::watch()?;
        let mut store = guest::store(loader.engine(), wasi, context);
        let ended = tokio::select! {
            biased;
            interruption = interruptions.next(args.watch.timeout) => Err(interruption),
            code = async {
                let code = guest::run(&command, &mut store, path).await;
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
