/*
 * The guest's ends of a process's pipes, and waiting for several things at once.
 *
 * An end stays with the process until something here asks for it: until then the host reads and writes it for
 * cp_communicate. A pollable is dropped before its stream, as wasi:io has it: none outlives the function that made it.
 */

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "childproof_internal.h"

/* How many bytes a call moves at most, however large the caller's buffer is. A pipe holds no more. */
#define CALL_SIZE ((size_t)1024 * 1024)

static size_t smaller(size_t left, size_t right) {
    return left < right ? left : right;
}

/* Fails with EBADF for a stream that there is no pipe of. */
static int no_pipe(cp_stream stream) {
    return cpi_fail(CP_ERROR_LOCAL, EBADF, cpi_stream_name(stream), "it is not piped, was closed, or was given away");
}

int cpi_check_process(const cp_process *process) {
    if (process != NULL) {
        return 0;
    }
    return cpi_fail(CP_ERROR_INVALID_ARGUMENT, EINVAL, "process", "it is NULL: it was not started");
}

cpi_pipe *cpi_pipe_of(cp_process *process, cp_stream stream) {
    if (cpi_check_process(process) != 0) {
        return NULL;
    }
    if (stream != CP_STDIN && stream != CP_STDOUT && stream != CP_STDERR) {
        cpi_fail(CP_ERROR_LOCAL, EBADF, "stream", "there is no such stream");
        return NULL;
    }
    cpi_pipe *pipe = &process->pipes[stream];
    if (pipe->state == CPI_UNTAKEN) {
        childproof_process_types_borrow_process_t self = childproof_process_types_borrow_process(process->handle);
        bool is_piped;
        if (stream == CP_STDIN) {
            is_piped = childproof_process_types_method_process_take_stdin(self, &pipe->end.out);
        } else if (stream == CP_STDOUT) {
            is_piped = childproof_process_types_method_process_take_stdout(self, &pipe->end.in);
        } else {
            is_piped = childproof_process_types_method_process_take_stderr(self, &pipe->end.in);
        }
        pipe->state = is_piped ? CPI_OPEN : CPI_GONE;
    }
    if (pipe->state == CPI_GONE) {
        no_pipe(stream);
        return NULL;
    }
    return pipe;
}

void cpi_pipe_close(cp_process *process, cp_stream stream) {
    cpi_pipe *pipe = &process->pipes[stream];
    if (pipe->state != CPI_OPEN && pipe->state != CPI_ENDED) {
        return;
    }
    if (stream == CP_STDIN) {
        wasi_io_streams_output_stream_drop_own(pipe->end.out);
    } else {
        wasi_io_streams_input_stream_drop_own(pipe->end.in);
    }
    pipe->state = CPI_GONE;
}

/* Fails with what a stream answered. A stream that is closed is at its end for who reads, and broken for who writes. */
static int stream_failed(cp_stream stream, const wasi_io_streams_stream_error_t *error) {
    if (error->tag == WASI_IO_STREAMS_STREAM_ERROR_CLOSED) {
        return cpi_fail(CP_ERROR_LOCAL, EPIPE, cpi_stream_name(stream), "nobody reads it any more");
    }
    wit_string text;
    wasi_io_error_own_error_t cause = error->val.last_operation_failed;
    wasi_io_error_method_error_to_debug_string(wasi_io_error_borrow_error(cause), &text);
    wasi_io_error_error_drop_own(cause);
    char *message = malloc(text.len + 1);
    if (message != NULL) {
        memcpy(message, text.ptr, text.len);
        message[text.len] = '\0';
    }
    childproof_bindings_string_free(&text);
    int answer = cpi_fail(CP_ERROR_LOCAL, EIO, cpi_stream_name(stream), message);
    free(message);
    return answer;
}

ssize_t cp_read(cp_process *process, cp_stream stream, void *buffer, size_t size) {
    if (cpi_check_process(process) != 0) {
        return -1;
    }
    if (stream == CP_STDIN) {
        return cpi_fail(CP_ERROR_LOCAL, EBADF, "stdin", "it is for cp_write");
    }
    cpi_pipe *pipe = cpi_pipe_of(process, stream);
    if (pipe == NULL) {
        return -1;
    }
    if (pipe->state == CPI_ENDED || size == 0) {
        return 0;
    }
    for (;;) {
        childproof_bindings_list_u8_t bytes;
        wasi_io_streams_stream_error_t error;
        size_t wanted = smaller(size, CALL_SIZE);
        if (!wasi_io_streams_method_input_stream_blocking_read(wasi_io_streams_borrow_input_stream(pipe->end.in),
                                                               wanted, &bytes, &error)) {
            if (error.tag != WASI_IO_STREAMS_STREAM_ERROR_CLOSED) {
                return stream_failed(stream, &error);
            }
            pipe->state = CPI_ENDED;
            return 0;
        }
        /* A host that answers more than it was asked for must not get behind the buffer. */
        size_t length = smaller(bytes.len, wanted);
        if (length > 0) {
            memcpy(buffer, bytes.ptr, length);
        }
        childproof_bindings_list_u8_free(&bytes);
        if (length > 0) {
            return (ssize_t)length;
        }
    }
}

ssize_t cp_write_some(cp_process *process, const void *bytes, size_t size) {
    cpi_pipe *pipe = cpi_pipe_of(process, CP_STDIN);
    if (pipe == NULL) {
        return -1;
    }
    if (size == 0) {
        return 0;
    }
    wasi_io_streams_borrow_output_stream_t stream = wasi_io_streams_borrow_output_stream(pipe->end.out);
    for (;;) {
        uint64_t permit;
        wasi_io_streams_stream_error_t error;
        if (!wasi_io_streams_method_output_stream_check_write(stream, &permit, &error)) {
            return stream_failed(CP_STDIN, &error);
        }
        if (permit > 0) {
            size_t most = smaller(size, CALL_SIZE);
            childproof_bindings_list_u8_t part = {
                .ptr = (uint8_t *)bytes,
                .len = permit < most ? (size_t)permit : most,
            };
            if (!wasi_io_streams_method_output_stream_write(stream, &part, &error)) {
                return stream_failed(CP_STDIN, &error);
            }
            return (ssize_t)part.len;
        }
        wasi_io_poll_own_pollable_t ready = wasi_io_streams_method_output_stream_subscribe(stream);
        wasi_io_poll_method_pollable_block(wasi_io_poll_borrow_pollable(ready));
        wasi_io_poll_pollable_drop_own(ready);
    }
}

ssize_t cp_write(cp_process *process, const void *bytes, size_t size) {
    const char *next = bytes;
    size_t left = size;
    do {
        ssize_t written = cp_write_some(process, next, left);
        if (written < 0) {
            return -1;
        }
        next += written;
        left -= (size_t)written;
    } while (left > 0);
    return (ssize_t)size;
}

int cp_flush(cp_process *process) {
    cpi_pipe *pipe = cpi_pipe_of(process, CP_STDIN);
    if (pipe == NULL) {
        return -1;
    }
    wasi_io_streams_stream_error_t error;
    if (!wasi_io_streams_method_output_stream_blocking_flush(wasi_io_streams_borrow_output_stream(pipe->end.out),
                                                             &error)) {
        return stream_failed(CP_STDIN, &error);
    }
    return 0;
}

int cp_close(cp_process *process, cp_stream stream) {
    if (cpi_pipe_of(process, stream) == NULL) {
        return -1;
    }
    cpi_pipe_close(process, stream);
    return 0;
}

/* ------------------------------------------------------------------------------------------------------ polling */

/* The pollable of one event. -1 where there is no such stream. */
static int subscribe(const cp_poll_item *item, wasi_io_poll_own_pollable_t *pollable) {
    if (item->event == CP_ON_END) {
        *pollable = childproof_process_types_method_process_subscribe(
            childproof_process_types_borrow_process(item->process->handle));
        return 0;
    }
    cp_stream stream = item->event == CP_ON_STDIN ? CP_STDIN : item->event == CP_ON_STDOUT ? CP_STDOUT : CP_STDERR;
    cpi_pipe *pipe = cpi_pipe_of(item->process, stream);
    if (pipe == NULL) {
        return -1;
    }
    if (stream == CP_STDIN) {
        *pollable = wasi_io_streams_method_output_stream_subscribe(wasi_io_streams_borrow_output_stream(pipe->end.out));
    } else {
        *pollable = wasi_io_streams_method_input_stream_subscribe(wasi_io_streams_borrow_input_stream(pipe->end.in));
    }
    return 0;
}

/* What is polled: the pollables, as the host wants them, and the item that each belongs to. */
typedef struct poll_set {
    wasi_io_poll_borrow_pollable_t *pollables;
    size_t *items;
    size_t length;
} poll_set;

static void drop_set(poll_set *set) {
    for (size_t i = 0; i < set->length; i++) {
        wasi_io_poll_pollable_drop_own((wasi_io_poll_own_pollable_t){set->pollables[i].__handle});
    }
    free(set->pollables);
    free(set->items);
}

static void add(poll_set *set, wasi_io_poll_own_pollable_t pollable, size_t item) {
    set->pollables[set->length] = wasi_io_poll_borrow_pollable(pollable);
    set->items[set->length] = item;
    set->length++;
}

/* Polls a set that is not empty and marks the items that are ready. */
static int poll_ready(poll_set *set, cp_poll_item *items, size_t count) {
    wasi_io_poll_list_borrow_pollable_t list = {.ptr = set->pollables, .len = set->length};
    childproof_bindings_list_u32_t ready;
    wasi_io_poll_poll(&list, &ready);
    int answer = 0;
    for (size_t i = 0; i < ready.len; i++) {
        size_t index = ready.ptr[i];
        if (index < set->length && set->items[index] < count) {
            items[set->items[index]].ready = true;
            answer++;
        }
    }
    childproof_bindings_list_u32_free(&ready);
    return answer;
}

int cp_poll(cp_poll_item *items, size_t count, cp_duration timeout) {
    if (count >= SIZE_MAX / sizeof(size_t)) {
        return cpi_no_memory();
    }
    poll_set set = {
        .pollables = calloc(count + 1, sizeof(*set.pollables)),
        .items = calloc(count + 1, sizeof(*set.items)),
    };
    if (set.pollables == NULL || set.items == NULL) {
        drop_set(&set);
        return cpi_no_memory();
    }
    for (size_t i = 0; i < count; i++) {
        items[i].ready = false;
        wasi_io_poll_own_pollable_t pollable;
        if (items[i].process == NULL) {
            continue;
        }
        if (subscribe(&items[i], &pollable) != 0) {
            drop_set(&set);
            return -1;
        }
        add(&set, pollable, i);
    }
    if (timeout != CP_UNSET) {
        /* No item: its readiness is that of none. */
        add(&set, wasi_clocks_monotonic_clock_subscribe_duration(timeout), count);
    }
    int answer;
    if (set.length == 0) {
        answer = cpi_fail(CP_ERROR_LOCAL, EINVAL, NULL, "there is nothing to wait for");
    } else {
        answer = poll_ready(&set, items, count);
    }
    drop_set(&set);
    return answer;
}
