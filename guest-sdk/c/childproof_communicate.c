/* Feeding a process and collecting what it writes, in one call. */

#include <errno.h>
#include <stdlib.h>

#include "childproof_internal.h"

typedef childproof_bindings_option_list_u8_t wit_bytes;

static wit_bytes no_bytes(void) {
    return (wit_bytes){.is_some = false};
}

static void drop_bytes(wit_bytes *bytes) {
    if (bytes->is_some) {
        childproof_bindings_list_u8_free(&bytes->val);
    }
    *bytes = no_bytes();
}

/* Moves what the host answered into an output, with a NUL behind it. False where there is no memory for that. */
static bool keep(wit_bytes *bytes, cp_bytes *into) {
    if (!bytes->is_some) {
        return true;
    }
    size_t size = bytes->val.len;
    /* The host's memory for no bytes is none that can be grown. */
    char *data = realloc(size > 0 ? bytes->val.ptr : NULL, size + 1);
    if (data == NULL) {
        return false;
    }
    data[size] = '\0';
    *into = (cp_bytes){.data = data, .size = size};
    *bytes = no_bytes();
    return true;
}

/* The same for both, of which nothing is left here afterwards. */
static bool keep_both(wit_bytes *out, wit_bytes *err, cp_output *output) {
    bool is_kept = keep(out, &output->out) && keep(err, &output->err);
    drop_bytes(out);
    drop_bytes(err);
    return is_kept;
}

/* Closes what was written to, and refuses to leave bytes behind in a stream that is being read. */
static int hand_back(cp_process *process, bool has_input) {
    if (has_input && process->pipes[CP_STDIN].state == CPI_OPEN) {
        return cpi_fail(CP_ERROR_INVALID_ARGUMENT, EINVAL, "input",
                        "stdin was polled or written to: go on with cp_write");
    }
    for (cp_stream stream = CP_STDOUT; stream <= CP_STDERR; stream++) {
        if (process->pipes[stream].state == CPI_OPEN) {
            return cpi_fail(CP_ERROR_INVALID_ARGUMENT, EINVAL, cpi_stream_name(stream),
                            "it was polled or read: read it to its end, or close it");
        }
    }
    cpi_pipe_close(process, CP_STDIN);
    return 0;
}

/* Refuses an input that the host would end the guest for. */
static int check_input(const void *input, size_t size) {
    if (input != NULL && size > CP_INPUT_MAX) {
        return cpi_fail(CP_ERROR_INVALID_ARGUMENT, EINVAL, "input",
                        "it is larger than CP_INPUT_MAX: write it with cp_write");
    }
    return 0;
}

int cp_communicate(cp_process *process, const void *input, size_t size, const cp_limits *limits, cp_output *output) {
    *output = (cp_output){.complete = false};
    if (cpi_check_process(process) != 0 || check_input(input, size) != 0 || hand_back(process, input != NULL) != 0) {
        return -1;
    }
    cp_limits given = CP_LIMITS;
    if (limits != NULL) {
        given = *limits;
    }
    childproof_process_types_communicate_options_t options = {
        .timeout = {.is_some = given.timeout != CP_UNSET, .val = given.timeout},
        .output_limit = {.is_some = given.output_limit != CP_UNSET, .val = given.output_limit},
        .drain = {.is_some = given.drain != CP_UNSET, .val = given.drain},
    };
    childproof_bindings_list_u8_t bytes = {.ptr = (uint8_t *)input, .len = size};
    childproof_process_types_output_t answer;
    wit_error error;
    if (childproof_process_types_method_process_communicate(childproof_process_types_borrow_process(process->handle),
                                                            input != NULL ? &bytes : NULL, &options, &answer, &error)) {
        output->status = cpi_status(&answer.status);
        output->complete = answer.complete;
        if (keep_both(&answer.stdout_, &answer.stderr_, output)) {
            return 0;
        }
        cp_output_free(output);
        return cpi_no_memory();
    }
    if (error.tag == CHILDPROOF_PROCESS_TYPES_ERROR_OUTPUT_LIMIT_REACHED &&
        !keep_both(&error.val.output_limit_reached.stdout_, &error.val.output_limit_reached.stderr_, output)) {
        cp_output_free(output);
        return cpi_no_memory();
    }
    return cpi_fail_with(&error);
}

/* Sets the streams from `first` on that the caller did not set, which they are not afterwards either. */
static void choose_unset(cp_command *command, cp_stream first, cp_stdio what) {
    for (cp_stream stream = first; command != NULL && stream <= CP_STDERR; stream++) {
        if (!command->is_set[stream]) {
            cp_command_stdio(command, stream, what);
            command->is_set[stream] = false;
        }
    }
}

int cp_run(cp_command *command, const void *input, size_t size, const cp_limits *limits, cp_output *output) {
    *output = (cp_output){.complete = false};
    if (check_input(input, size) != 0) {
        return -1;
    }
    /* Without an input there is nothing to write. */
    cp_stream first = input != NULL ? CP_STDIN : CP_STDOUT;
    choose_unset(command, first, CP_PIPE);
    cp_process *process = cp_spawn(command);
    choose_unset(command, first, CP_NULL);
    if (process == NULL) {
        return -1;
    }
    int answer = cp_communicate(process, input, size, limits, output);
    int number = errno;
    cp_free(process);
    errno = number;
    return answer;
}

void cp_output_free(cp_output *output) {
    free(output->out.data);
    free(output->err.data);
    *output = (cp_output){.complete = false};
}
