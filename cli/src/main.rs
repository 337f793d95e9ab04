//! `childproof`: runs WebAssembly components that start native programs under a policy.

#![forbid(unsafe_code)]

mod args;
mod audit;
mod command;
mod component;
mod doctor;
mod exec;
mod exit;
mod explain;
mod guest;
mod init;
mod interrupt;
mod output;
mod report;
mod run;
mod runtime;
mod sandbox;
mod suite;

use std::io::IsTerminal;
use std::process::ExitCode;

use clap::CommandFactory;
use mimalloc::MiMalloc;

use args::{Cli, Command};

/// What a guest sends and gets in one call passes through the host in one piece. Many systems' own allocators give memory
/// of that size back after each call and fault it in again, page by page, for the next.
#[global_allocator]
static ALLOCATOR: MiMalloc = MiMalloc;

fn main() -> ExitCode {
    let answer = match suite::KeeperArgs::of_this_process() {
        Some(keeper) => suite::keeper::keep(&keeper),
        None => run(Cli::of_this_process()),
    };
    answer.unwrap_or_else(|error| {
        report::line(&format!("{error:#}"));
        ExitCode::from(exit::FAILED)
    })
}

fn run(cli: Cli) -> anyhow::Result<ExitCode> {
    start_logging(cli.verbose);
    match cli.command {
        Command::Run(args) => run::run(&args),
        Command::Exec(args) => exec::exec(&args),
        Command::Explain(args) => explain::explain(&args),
        Command::Doctor(args) => doctor::doctor(&args),
        Command::Init(args) => init::init(&args),
        Command::Suite(args) => suite::suite(&args),
        Command::Completions(args) => {
            let mut shell = Vec::new();
            clap_complete::generate(args.shell, &mut Cli::command(), "childproof", &mut shell);
            report::print(&shell)
        }
    }
}

/// Shows the host's own log on stderr, where it is asked for. Setting it up costs time, so that nothing is done else.
fn start_logging(verbose: bool) {
    let filter = std::env::var("RUST_LOG").ok().filter(|filter| !filter.is_empty());
    let filter = match (filter, verbose) {
        (Some(filter), _) => filter,
        (None, true) => "childproof=debug,childproof_host=debug,childproof_cli=debug".to_owned(),
        (None, false) => return,
    };
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .with_ansi(std::io::stderr().is_terminal())
        .init();
}
