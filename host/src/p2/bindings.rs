//! Generated from `wit/0.2`.

#[expect(missing_docs, reason = "generated code; the WIT has the documentation")]
mod generated {
    wasmtime::component::bindgen!({
        path: "../wit/0.2",
        world: "childproof:process/imports",
        with: {
            "wasi": wasmtime_wasi::p2::bindings,
            "childproof:process/types.command": crate::command::Command,
            "childproof:process/types.process": crate::resources::Process,
        },
        imports: {
            "childproof:process/types.[method]process.wait": async | trappable,
            "childproof:process/types.[method]process.communicate": async | trappable,
            "childproof:process/types.[method]process.stop": async | trappable,
            "childproof:process/types.[drop]process": async | trappable,
            default: trappable,
        },
        require_store_data_send: true,
    });
}

pub use generated::childproof::process::*;

/// The same for stores whose functions are called synchronously.
pub mod sync {
    #[expect(missing_docs, reason = "generated code; the WIT has the documentation")]
    mod generated {
        wasmtime::component::bindgen!({
            path: "../wit/0.2",
            world: "childproof:process/imports",
            with: {
                "wasi": wasmtime_wasi::p2::bindings::sync,
                "childproof:process/types.command": crate::command::Command,
                "childproof:process/types.process": crate::resources::Process,
            },
            imports: { default: trappable },
            require_store_data_send: true,
        });
    }

    pub use generated::childproof::process::*;
}
