//! From a component to a command that is linked and can be run: of which WASI it is, and why it is none.

use std::fmt;

use anyhow::{Result, anyhow, bail};
use wasmtime::Store;
use wasmtime::component::types::{ComponentItem, Type};
use wasmtime::component::{Component, ComponentExportIndex, InstancePre, Linker};

use crate::guest::State;

/// Whether components of WASI 0.3 run. It is the feature `p3`, which is on by default.
const HAS_P3: bool = cfg!(feature = "p3");

/// What a build without it says of such a component.
const NO_P3: &str =
    "it is a command of WASI 0.3, which this build of childproof does not have: its cargo feature p3 was left out";

/// A version of WASI that commands are written for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Wasi {
    P2,
    P3,
}

impl Wasi {
    /// The one to prefer first. A component that exports several was written for the newest: the older ones are what its
    /// language's library adds to every program.
    const ALL: [Self; 2] = [Self::P3, Self::P2];

    fn name(self) -> &'static str {
        match self {
            Self::P2 => "0.2",
            Self::P3 => "0.3",
        }
    }

    /// The interface that commands export, in its first version. Later ones that are compatible are found by it, too.
    fn interface(self) -> &'static str {
        match self {
            Self::P2 => "wasi:cli/run@0.2.0",
            Self::P3 => "wasi:cli/run@0.3.0",
        }
    }

    /// Whether `export` is that interface, in any version.
    fn is_interface(self, export: &str) -> bool {
        let version = export.strip_prefix("wasi:cli/run@");
        version.is_some_and(|version| {
            version
                .strip_prefix(self.name())
                .is_some_and(|rest| rest.starts_with('.'))
        })
    }
}

/// A component with all that it imports, and what to call of it.
pub(crate) struct Command {
    linked: InstancePre<State>,
    run: ComponentExportIndex,
    wasi: Wasi,
    /// The name of the interface that is called.
    interface: String,
    /// Interfaces of other versions, which are not.
    others: Vec<String>,
}

impl Command {
    /// Finds out of which WASI a component is, and links it.
    pub(crate) fn link(component: &Component) -> Result<Self> {
        let ty = component.component_type();
        let instances: Vec<&str> = ty
            .exports(component.engine())
            .filter(|(_, item)| matches!(item.ty, ComponentItem::ComponentInstance(_)))
            .map(|(name, _)| name)
            .collect();
        let found = Wasi::ALL.iter().find_map(|wasi| {
            let interface = instances.iter().find(|name| wasi.is_interface(name))?;
            Some((*wasi, *interface))
        });
        if !HAS_P3 && matches!(found, Some((Wasi::P3, _))) {
            bail!(NO_P3);
        }
        // What is missing says more of a component than that it is no command.
        let linked = linker(component)?
            .instantiate_pre(component)
            .map_err(|error| not_linked(&error))?;
        let Some((wasi, interface)) = found else {
            return Err(no_command(component));
        };
        let run = run_of(component, wasi).ok_or_else(|| {
            anyhow!(
                "it exports {interface}, which is not what childproof runs: that is {}",
                runs()
            )
        })?;
        let others = instances
            .iter()
            .filter(|name| name.starts_with("wasi:cli/run@") && **name != interface);
        Ok(Self {
            linked,
            run,
            wasi,
            interface: interface.to_owned(),
            others: others.map(|name| (*name).to_owned()).collect(),
        })
    }

    /// Runs it to its end. It is a trap, and not for ever, when it waits for what cannot come.
    ///
    /// # Cancel safety
    ///
    /// Dropped, it leaves the command half-way; `store` is of no use any more.
    pub(crate) async fn run(&self, store: &mut Store<State>) -> wasmtime::Result<Result<(), ()>> {
        let instance = self.linked.instantiate_async(&mut *store).await?;
        let run = instance.get_typed_func::<(), (Result<(), ()>,)>(&mut *store, &self.run)?;
        let (result,) = run.call_async(&mut *store, ()).await?;
        Ok(result)
    }
}

/// What was found.
impl fmt::Display for Command {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "a command of WASI {}: runs its {}", self.wasi.name(), self.interface)?;
        match &self.others[..] {
            [] => Ok(()),
            others => write!(f, ", not its {}", others.join(", ")),
        }
    }
}

/// All that a component may import.
fn linker(component: &Component) -> Result<Linker<State>> {
    let mut linker = Linker::<State>::new(component.engine());
    let mut add = || {
        wasmtime_wasi::p2::add_to_linker_async(&mut linker)?;
        childproof_host::p2::add_to_linker_async(&mut linker, State::process)?;
        #[cfg(feature = "p3")]
        {
            wasmtime_wasi::p3::add_to_linker(&mut linker)?;
            childproof_host::p3::add_to_linker(&mut linker, State::process)?;
        }
        Ok(())
    };
    add().map_err(|error: wasmtime::Error| anyhow!("{error:#}"))?;
    Ok(linker)
}

/// The function of a component to call, if it has the one of this WASI.
fn run_of(component: &Component, wasi: Wasi) -> Option<ComponentExportIndex> {
    let interface = component.get_export_index(None, wasi.interface())?;
    let (item, run) = component.get_export(Some(&interface), "run")?;
    let ComponentItem::ComponentFunc(ty) = item else {
        return None;
    };
    let mut results = ty.results();
    let is_run = ty.params().len() == 0
        && matches!(results.next(), Some(Type::Result(result)) if result.ok().is_none() && result.err().is_none())
        && results.next().is_none();
    is_run.then_some(run)
}

/// The interfaces of which components are run.
fn runs() -> &'static str {
    match HAS_P3 {
        true => "wasi:cli/run@0.2 or @0.3",
        false => "wasi:cli/run@0.2",
    }
}

/// Why a component does not compile, where that is because this build has no WASI 0.3: without it, the compiler does not know
/// the types of its functions. The names of exports are in the bytes as they are.
pub(crate) fn not_compiled(bytes: &[u8]) -> Option<&'static str> {
    let name = b"wasi:cli/run@0.3.";
    (!HAS_P3 && bytes.windows(name.len()).any(|window| window == name)).then_some(NO_P3)
}

/// Why a component does not link: which import there is nothing for.
fn not_linked(error: &wasmtime::Error) -> anyhow::Error {
    let message = error.to_string();
    let Some(name) = message.split('`').nth(1) else {
        return anyhow!("{error:#}");
    };
    let provided = match HAS_P3 {
        true => "childproof provides WASI 0.2 and 0.3, and childproof:process@0.2 and @0.3",
        false => "this build of childproof provides WASI 0.2 and childproof:process@0.2",
    };
    let is_partly = |name: &str| name.starts_with("wasi:") || name.starts_with("childproof:process/");
    match is_partly(name) {
        true => {
            let why = error
                .chain()
                .skip(1)
                .map(|cause| cause.to_string())
                .collect::<Vec<_>>()
                .join(": ");
            anyhow!("it imports {name}, of which childproof does not provide all ({why}); {provided}")
        }
        false => anyhow!("it imports {name}, which childproof does not provide; {provided}"),
    }
}

/// Why a component is no command.
fn no_command(component: &Component) -> anyhow::Error {
    let ty = component.component_type();
    let exports: Vec<&str> = ty.exports(component.engine()).map(|(name, _)| name).take(8).collect();
    match exports.is_empty() {
        true => anyhow!("it exports nothing; a command exports {}", runs()),
        false => anyhow!(
            "it exports no {}, so it is no command; it exports {}",
            runs(),
            exports.join(", ")
        ),
    }
}
