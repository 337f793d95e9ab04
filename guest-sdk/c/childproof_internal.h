/* What the sources of the library share. Nothing of it is for guests. */
#ifndef CHILDPROOF_INTERNAL_H
#define CHILDPROOF_INTERNAL_H

#include "childproof.h"
#include "childproof_bindings.h"

typedef childproof_bindings_string_t wit_string;
typedef childproof_process_types_error_t wit_error;
typedef childproof_process_types_exit_status_t wit_status;
typedef childproof_process_types_signal_t wit_signal;
typedef wasi_filesystem_types_own_descriptor_t wit_descriptor;

/* ---- childproof_error.c ---- */

/* An error that nobody holds yet. The strings are from malloc, or NULL. */
typedef struct cpi_failure {
    cp_error_code code;
    int number;
    cp_quota quota;
    char *field;
    char *message;
} cpi_failure;

/* Makes a failure the last error and sets errno; its strings belong to that then. Answers -1. */
int cpi_raise(cpi_failure failure);

/* The same for an error of this library's own. The strings are copied; NULL is an empty one. */
int cpi_fail(cp_error_code code, int number, const char *field, const char *message);

/* Fails with ENOMEM. */
int cpi_no_memory(void);

/* Makes an error of the interface the last error, and frees it but for what was captured. */
int cpi_fail_with(wit_error *error);

/* Frees the strings of a failure. */
void cpi_failure_free(cpi_failure *failure);

/* A copy of the last error. */
cpi_failure cpi_last_failure(void);

/* A new string of all the parts, up to the NULL that ends them, or NULL. */
char *cpi_join(const char *first, ...) __attribute__((__sentinel__));

/* What the host answers as a status, in the words of the header. */
cp_status cpi_status(const wit_status *status);

/* The interface's signal, whether `signal` is one that can be sent. */
bool cpi_signal(int signal, wit_signal *answer);

/* What errno is where a file cannot be opened, and the interface's name of it. */
int cpi_file_error(wasi_filesystem_types_error_code_t code, const char **name);

/* "stdin", "stdout", "stderr"; "stream" for what is none. */
const char *cpi_stream_name(cp_stream stream);

/* ---- childproof_path.c ---- */

/* A directory that the guest holds, and a path below it, or NULL for the directory itself. Both are the caller's. */
typedef struct cpi_place {
    wit_descriptor directory;
    char *path;
} cpi_place;

/* Where a path of the guest's is. After a failure, which was raised as one of `field`, there is nothing to free. */
int cpi_place_of(const char *path, cp_error_code code, int number, const char *field, cpi_place *place);

void cpi_place_free(cpi_place *place);

/* Whether a file that was opened with such flags is appended to. */
bool cpi_appends(int flags);

/* Opens a file for a stream. */
int cpi_open(const char *path, int flags, const char *field, wit_descriptor *file);

/* ---- childproof_text.c: strings ---- */

/* Whether it is UTF-8, as the interface wants it. */
bool cpi_is_utf8(const char *text);

/* A string of C's as one of the interface's, which borrows it. */
wit_string cpi_borrow(const char *text);

/* ---- childproof_stream.c ---- */

/* What became of the guest's end of a pipe. */
typedef enum cpi_pipe_state {
    CPI_UNTAKEN, /* the process has it, if it is piped */
    CPI_OPEN,    /* it is here */
    CPI_ENDED,   /* it is here, and its end was read */
    CPI_GONE     /* it is not piped, or was closed or given away */
} cpi_pipe_state;

typedef struct cpi_pipe {
    cpi_pipe_state state;
    union {
        wasi_io_streams_own_input_stream_t in;
        wasi_io_streams_own_output_stream_t out;
    } end;
} cpi_pipe;

struct cp_command {
    childproof_process_types_own_command_t handle;
    cpi_failure wrong; /* the first that was, for cp_spawn to say */
    size_t arguments;
    bool is_set[3]; /* by stream */
};

struct cp_process {
    childproof_process_types_own_process_t handle;
    cpi_pipe pipes[3];
};

/* Fails with EINVAL for a process of NULL. In wasm that is memory like any other: nothing would stop what uses it. */
int cpi_check_process(const cp_process *process);

/* The pipe of a stream, taken from the process if it was not before; NULL, and EBADF, where there is none. */
cpi_pipe *cpi_pipe_of(cp_process *process, cp_stream stream);

/* Closes the end of a pipe that is here. */
void cpi_pipe_close(cp_process *process, cp_stream stream);

#endif
