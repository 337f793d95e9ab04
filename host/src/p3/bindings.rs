//! Generated from `wit/0.3`.

#[expect(missing_docs, reason = "generated code; the WIT has the documentation")]
mod generated {
    wasmtime::component::bindgen!({
        path: "../wit/0.3",
        world: "childproof:process/imports",
        with: {
            "wasi": wasmtime_wasi::p3::bindings,
            "childproof:process/types.command": crate::command::Command,
            "childproof:process/types.process": crate::resources::Process,
        },
        imports: {
            "childproof:process/types.[method]command.stdin": store | trappable,
            "childproof:process/types.[method]command.spawn": store | trappable,
            "childproof:process/types.[drop]command": store | trappable,
            "childproof:process/types.[method]process.take-stdin": store | trappable,
            "childproof:process/types.[method]process.take-stdout": store | trappable,
            "childproof:process/types.[method]process.take-stderr": store | trappable,
            "childproof:process/types.[drop]process": async | trappable,
            default: trappable,
        },
        require_store_data_send: true,
    });
}

pub use generated::childproof::process::*;
