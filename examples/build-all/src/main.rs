//! Compiles a C project with gcc, several files at the same time, and links what comes out. The first file that does not
//! compile ends the build, and every gcc that still runs ends with it.
//!
//! It is a program of WASI 0.3: it waits for many processes at once, in one thread, with nothing but `async`. There is no
//! runtime to set up, because the host is the one that waits.

#![forbid(unsafe_code)]

mod arguments;
mod compile;
mod gcc;
mod progress;
mod project;
mod sample;

use std::process::ExitCode;
use std::time::Instant;

use anyhow::Result;

use arguments::Arguments;
use progress::Progress;
use project::Project;

childproof::main!(run);

async fn run() -> ExitCode {
    match build().await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("build-all: {}", progress::printable(&format!("{error:#}")));
            ExitCode::FAILURE
        }
    }
}

async fn build() -> Result<()> {
    let Some(arguments) = Arguments::parse(std::env::args().skip(1))? else {
        return progress::say(arguments::USAGE);
    };
    let begun = Instant::now();
    let project = Project::open(&arguments.directory, arguments.broken.as_deref())?;
    let mut progress = Progress::new(project.sources.len());
    let objects = compile::all(&project, arguments.jobs, &mut progress).await?;
    gcc::link(&project, &objects, &mut progress).await?;
    // A policy that grants a program in a directory that the guest can write to is refused when it is loaded.
    progress::say(&format!(
        "linked {} from {} objects in {:.1} s; it is not run, for a guest may not start what it wrote\n",
        gcc::PROGRAM,
        objects.len(),
        begun.elapsed().as_secs_f64()
    ))
}
