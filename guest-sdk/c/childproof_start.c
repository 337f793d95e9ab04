/*
 * Where a program begins, in place of the C library's crt1-command.o. For wasm32-wasi alone: wasm32-wasip2 has no
 * need of it.
 *
 * In a C library that is some years old, Debian 12's for one, _start leaves it to the linker to call the
 * constructors. The linker then has every export call them, cabi_realloc among them, by which the host asks for
 * memory in the middle of a call: there a constructor may not call the host. Once somebody calls them by name, the
 * linker leaves the exports as they are.
 */

#include <wasi/api.h>

/* Made by the linker. */
void __wasm_call_ctors(void);

/* Of the C library: `main` with whatever arguments it takes, and what is to be done after it. */
int __main_void(void);
void __wasm_call_dtors(void);

void _start(void);

void _start(void) {
    __wasm_call_ctors();
    int code = __main_void();
    __wasm_call_dtors();
    if (code != 0) {
        __wasi_proc_exit((__wasi_exitcode_t)code);
    }
}
