//! The command line of the project's chores.

#![forbid(unsafe_code)]

use std::ffi::OsString;
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Result;
use clap::{Parser, Subcommand};

#[derive(Parser)]
#[command(name = "cargo xtask", about = "The project's own chores")]
struct Arguments {
    #[command(subcommand)]
    chore: Chore,
}

#[derive(Subcommand)]
enum Chore {
    /// Build the example repo-report and all that it needs, and run it on a git checkout
    Demo {
        /// The checkout to report on; this project's own by default
        path: Option<PathBuf>,
    },
    /// Build the example build-all and all that it needs, and have it compile a C project
    BuildAll {
        /// The directory of the project; by default a sample that it writes to target/build-all
        path: Option<PathBuf>,
        /// Options of the guest: --jobs N, --break FILE
        #[arg(last = true)]
        options: Vec<OsString>,
    },
    /// Build the example agent, which is in Python, and have it work through a list of tasks
    Agent {
        /// The git repository that the tasks are about; this project's own by default
        path: Option<PathBuf>,
        /// The list of tasks; examples/agent/tasks.toml by default
        #[arg(long)]
        tasks: Option<PathBuf>,
    },
    /// Check the types of all Python code
    Mypy,
    /// Build the C library and the examples hello-c and sort-filter, and print the directory that they are in
    C,
    /// Generate the bindings that the C library stands on
    CBindings {
        /// The directory to write them to
        directory: PathBuf,
    },
    /// Build the guests of the examples for wasm32-wasip2 and print where they are
    Guests,
    /// Run CPython's own tests of subprocess and asyncio in a guest, and compare what comes out with
    /// tests/cpython/expectations.toml
    Cpython {
        /// Run only the tests with one of these in their names, and print all there is to read about them
        tests: Vec<String>,
        /// Take the version of the tests that Debian has today
        #[arg(long)]
        debian: bool,
    },
    /// Build the component test suite, pack it into an archive that `childproof suite` runs, and print where that is
    Suite {
        /// The file to write; target/childproof-suite.tar.zst by default
        path: Option<PathBuf>,
    },
    /// Copy the WIT of WASI from the wasmtime-wasi that Cargo.lock names
    Wit {
        /// Change nothing; fail when the copies differ, or when the two flavours of the interface do and
        /// wit/differences.toml has no reason for it
        #[arg(long)]
        check: bool,
    },
    /// Build the packages of wit/ with wkg, without the network, check that they say what their sources say, and print where
    /// they are
    Package,
    /// Check licenses, sources and duplicates of all dependencies against deny.toml
    Deny,
    /// Run the commands of README.md, one after the other
    Readme {
        /// Another document, whose commands run in its directory
        document: Option<PathBuf>,
    },
}

fn main() -> Result<ExitCode> {
    match Arguments::parse().chore {
        Chore::Demo { path } => return xtask::demo::run(path.as_deref()),
        Chore::BuildAll { path, options } => return xtask::build_all::run(path.as_deref(), &options),
        Chore::Agent { path, tasks } => return xtask::agent::run(path.as_deref(), tasks.as_deref()),
        Chore::Mypy => xtask::python::check_types()?,
        Chore::C => println!("{}", xtask::c::build_examples()?.display()),
        Chore::CBindings { directory } => xtask::c::bindings(&directory)?,
        Chore::Cpython { tests, debian } => {
            use xtask::cpython::From;
            return xtask::cpython::run(&tests, if debian { From::Debian } else { From::Anywhere });
        }
        Chore::Guests => {
            for guest in xtask::build::GUESTS {
                println!("{}", xtask::build::guest(guest)?.display());
            }
        }
        Chore::Suite { path } => println!("{}", xtask::suite::pack(path.as_deref())?.display()),
        Chore::Wit { check: true } => {
            xtask::wit::check()?;
            xtask::flavours::check()?;
        }
        Chore::Wit { check: false } => xtask::wit::copy()?,
        Chore::Package => xtask::package::build_all()?,
        Chore::Deny => xtask::deny::check()?,
        Chore::Readme { document } => {
            let document = document.unwrap_or_else(|| xtask::root().join("README.md"));
            xtask::readme::run_commands(&document.canonicalize()?)?;
        }
    }
    Ok(ExitCode::SUCCESS)
}
