/* Commands and processes: thin over the interface, which has the behaviour. */

#include "childproof.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "childproof_internal.h"

/* ------------------------------------------------------------------------------------------------------ commands */

static childproof_process_types_borrow_command_t borrow_command(const cp_command *command) {
    return childproof_process_types_borrow_command(command->handle);
}

/* Remembers the last error as what is wrong with the command. Answers -1. */
static int remember(cp_command *command) {
    if (command->wrong.code == CP_ERROR_NONE) {
        command->wrong = cpi_last_failure();
        errno = command->wrong.number;
    }
    return -1;
}

/* Fails for a field that holds what no process can be given. */
static int invalid(cp_command *command, const char *field, const char *message) {
    cpi_fail(CP_ERROR_INVALID_ARGUMENT, EINVAL, field, message);
    return remember(command);
}

/* Whether the interface takes the text of a field. */
static int check_text(cp_command *command, const char *field, const char *text) {
    if (text == NULL) {
        return invalid(command, field, "it is NULL");
    }
    return cpi_is_utf8(text) ? 0 : invalid(command, field, "it is not UTF-8");
}

cp_command *cp_command_new(const char *grant) {
    cp_command *command = calloc(1, sizeof(*command));
    if (command == NULL) {
        cpi_no_memory();
        return NULL;
    }
    bool is_right = check_text(command, "program", grant) == 0;
    wit_string name = cpi_borrow(is_right ? grant : "");
    command->handle = childproof_process_types_constructor_command(&name);
    return command;
}

void cp_command_free(cp_command *command) {
    if (command == NULL) {
        return;
    }
    childproof_process_types_command_drop_own(command->handle);
    cpi_failure_free(&command->wrong);
    free(command);
}

int cp_command_arg(cp_command *command, const char *argument) {
    if (command == NULL) {
        return cpi_no_memory();
    }
    char field[32];
    snprintf(field, sizeof(field), "args[%zu]", command->arguments);
    command->arguments++;
    if (check_text(command, field, argument) != 0) {
        return -1;
    }
    wit_string text = cpi_borrow(argument);
    childproof_process_types_method_command_arg(borrow_command(command), &text);
    return 0;
}

int cp_command_args(cp_command *command, const char *const arguments[]) {
    int answer = 0;
    for (size_t i = 0; arguments[i] != NULL; i++) {
        if (cp_command_arg(command, arguments[i]) != 0) {
            answer = -1;
        }
    }
    return answer;
}

int cp_command_argv0(cp_command *command, const char *name) {
    if (command == NULL) {
        return cpi_no_memory();
    }
    if (check_text(command, "argv0", name) != 0) {
        return -1;
    }
    wit_string text = cpi_borrow(name);
    childproof_process_types_method_command_argv0(borrow_command(command), &text);
    return 0;
}

int cp_command_env(cp_command *command, const char *key, const char *value) {
    if (command == NULL) {
        return cpi_no_memory();
    }
    if (check_text(command, "env", key) != 0) {
        return -1;
    }
    if (value == NULL || !cpi_is_utf8(value)) {
        char *field = cpi_join("env ", key, NULL);
        check_text(command, field != NULL ? field : "env", value);
        free(field);
        return -1;
    }
    wit_string name = cpi_borrow(key);
    wit_string text = cpi_borrow(value);
    childproof_process_types_method_command_env(borrow_command(command), &name, &text);
    return 0;
}

int cp_command_clear_env(cp_command *command) {
    if (command == NULL) {
        return cpi_no_memory();
    }
    childproof_process_types_method_command_clear_env(borrow_command(command));
    return 0;
}

int cp_command_cwd(cp_command *command, const char *path) {
    if (command == NULL) {
        return cpi_no_memory();
    }
    if (path == NULL) {
        return invalid(command, "cwd", "it is NULL");
    }
    cpi_place place;
    if (cpi_place_of(path, CP_ERROR_INVALID_ARGUMENT, EINVAL, "cwd", &place) != 0) {
        return remember(command);
    }
    wit_string below = cpi_borrow(place.path != NULL ? place.path : "");
    childproof_process_types_method_command_cwd(borrow_command(command),
                                                wasi_filesystem_types_borrow_descriptor(place.directory),
                                                place.path != NULL ? &below : NULL);
    cpi_place_free(&place);
    return 0;
}

int cp_command_timeout(cp_command *command, cp_duration after) {
    if (command == NULL) {
        return cpi_no_memory();
    }
    childproof_process_types_method_command_timeout(borrow_command(command), after);
    return 0;
}

int cp_command_output_limit(cp_command *command, uint64_t bytes) {
    if (command == NULL) {
        return cpi_no_memory();
    }
    childproof_process_types_method_command_output_limit(borrow_command(command), bytes);
    return 0;
}

/* --------------------------------------------------------------------------------------------- standard streams */

/*
 * What a stream of a command is to be. The three types of the interface have the same cases, but for stderr's last
 * one.
 */
typedef struct choice {
    enum { CHOICE_NULL, CHOICE_PIPED, CHOICE_INHERIT, CHOICE_FILE, CHOICE_STREAM, CHOICE_STDOUT } kind;
    childproof_process_types_file_stream_t file;
    wasi_io_streams_own_input_stream_t in;
    wasi_io_streams_own_output_stream_t out;
} choice;

static void choose_stdin(cp_command *command, const choice *what) {
    childproof_process_types_stdin_source_t source;
    switch (what->kind) {
    case CHOICE_PIPED:
        source.tag = CHILDPROOF_PROCESS_TYPES_STDIN_SOURCE_PIPED;
        break;
    case CHOICE_INHERIT:
        source.tag = CHILDPROOF_PROCESS_TYPES_STDIN_SOURCE_INHERIT;
        break;
    case CHOICE_FILE:
        source.tag = CHILDPROOF_PROCESS_TYPES_STDIN_SOURCE_FILE;
        source.val.file = what->file;
        break;
    case CHOICE_STREAM:
        source.tag = CHILDPROOF_PROCESS_TYPES_STDIN_SOURCE_STREAM;
        source.val.stream = what->in;
        break;
    default:
        source.tag = CHILDPROOF_PROCESS_TYPES_STDIN_SOURCE_NULL;
        break;
    }
    childproof_process_types_method_command_stdin(borrow_command(command), &source);
}

static void choose_stdout(cp_command *command, const choice *what) {
    childproof_process_types_stdout_target_t target;
    switch (what->kind) {
    case CHOICE_PIPED:
        target.tag = CHILDPROOF_PROCESS_TYPES_STDOUT_TARGET_PIPED;
        break;
    case CHOICE_INHERIT:
        target.tag = CHILDPROOF_PROCESS_TYPES_STDOUT_TARGET_INHERIT;
        break;
    case CHOICE_FILE:
        target.tag = CHILDPROOF_PROCESS_TYPES_STDOUT_TARGET_FILE;
        target.val.file = what->file;
        break;
    case CHOICE_STREAM:
        target.tag = CHILDPROOF_PROCESS_TYPES_STDOUT_TARGET_STREAM;
        target.val.stream = what->out;
        break;
    default:
        target.tag = CHILDPROOF_PROCESS_TYPES_STDOUT_TARGET_NULL;
        break;
    }
    childproof_process_types_method_command_stdout(borrow_command(command), &target);
}

static void choose_stderr(cp_command *command, const choice *what) {
    childproof_process_types_stderr_target_t target;
    switch (what->kind) {
    case CHOICE_PIPED:
        target.tag = CHILDPROOF_PROCESS_TYPES_STDERR_TARGET_PIPED;
        break;
    case CHOICE_INHERIT:
        target.tag = CHILDPROOF_PROCESS_TYPES_STDERR_TARGET_INHERIT;
        break;
    case CHOICE_FILE:
        target.tag = CHILDPROOF_PROCESS_TYPES_STDERR_TARGET_FILE;
        target.val.file = what->file;
        break;
    case CHOICE_STREAM:
        target.tag = CHILDPROOF_PROCESS_TYPES_STDERR_TARGET_STREAM;
        target.val.stream = what->out;
        break;
    case CHOICE_STDOUT:
        target.tag = CHILDPROOF_PROCESS_TYPES_STDERR_TARGET_STDOUT;
        break;
    default:
        target.tag = CHILDPROOF_PROCESS_TYPES_STDERR_TARGET_NULL;
        break;
    }
    childproof_process_types_method_command_stderr(borrow_command(command), &target);
}

/* Sets a stream of a command, which is one of the three. */
static void choose(cp_command *command, cp_stream stream, const choice *what) {
    if (stream == CP_STDIN) {
        choose_stdin(command, what);
    } else if (stream == CP_STDOUT) {
        choose_stdout(command, what);
    } else {
        choose_stderr(command, what);
    }
    command->is_set[stream] = true;
}

/* Whether it is one of the three. */
static int check_stream(cp_command *command, cp_stream stream) {
    if (stream == CP_STDIN || stream == CP_STDOUT || stream == CP_STDERR) {
        return 0;
    }
    return invalid(command, "stream", "there is no such stream");
}

int cp_command_stdio(cp_command *command, cp_stream stream, cp_stdio what) {
    if (command == NULL) {
        return cpi_no_memory();
    }
    if (check_stream(command, stream) != 0) {
        return -1;
    }
    choice chosen = {.kind = CHOICE_NULL};
    switch (what) {
    case CP_NULL:
        break;
    case CP_PIPE:
        chosen.kind = CHOICE_PIPED;
        break;
    case CP_INHERIT:
        chosen.kind = CHOICE_INHERIT;
        break;
    case CP_TO_STDOUT:
        if (stream != CP_STDERR) {
            return invalid(command, cpi_stream_name(stream), "CP_TO_STDOUT is for stderr");
        }
        chosen.kind = CHOICE_STDOUT;
        break;
    default:
        return invalid(command, cpi_stream_name(stream), "there is no such choice");
    }
    choose(command, stream, &chosen);
    return 0;
}

int cp_command_file(cp_command *command, cp_stream stream, const char *path, int flags) {
    if (command == NULL) {
        return cpi_no_memory();
    }
    if (check_stream(command, stream) != 0) {
        return -1;
    }
    if (path == NULL) {
        return invalid(command, cpi_stream_name(stream), "the path is NULL");
    }
    wit_descriptor file;
    if (cpi_open(path, flags, cpi_stream_name(stream), &file) != 0) {
        return remember(command);
    }
    choice chosen = {.kind = CHOICE_FILE};
    chosen.file.file = wasi_filesystem_types_borrow_descriptor(file);
    chosen.file.offset.is_some = !cpi_appends(flags);
    chosen.file.offset.val = 0;
    choose(command, stream, &chosen);
    wasi_filesystem_types_descriptor_drop_own(file);
    return 0;
}

int cp_command_from(cp_command *command, cp_stream stream, cp_process *from, cp_stream of) {
    if (command == NULL) {
        return cpi_no_memory();
    }
    if (check_stream(command, stream) != 0) {
        return -1;
    }
    if ((stream == CP_STDIN) == (of == CP_STDIN)) {
        return invalid(command, cpi_stream_name(stream), "what one process writes is what another one reads");
    }
    if (from == NULL) {
        return invalid(command, cpi_stream_name(stream), "the process that it is a stream of was not started");
    }
    cpi_pipe *pipe = cpi_pipe_of(from, of);
    if (pipe == NULL || (of == CP_STDIN && cp_flush(from) != 0)) {
        return remember(command);
    }
    choice chosen = {.kind = CHOICE_STREAM};
    if (of == CP_STDIN) {
        chosen.out = pipe->end.out;
    } else {
        chosen.in = pipe->end.in;
    }
    pipe->state = CPI_GONE;
    choose(command, stream, &chosen);
    return 0;
}

/* ----------------------------------------------------------------------------------------------------- processes */

static childproof_process_types_borrow_process_t borrow_process(const cp_process *process) {
    return childproof_process_types_borrow_process(process->handle);
}

cp_process *cp_spawn(cp_command *command) {
    if (command == NULL) {
        cpi_no_memory();
        return NULL;
    }
    if (command->wrong.code != CP_ERROR_NONE) {
        cpi_fail(command->wrong.code, command->wrong.number, command->wrong.field, command->wrong.message);
        return NULL;
    }
    /* Before the process, so that none is started that nobody can hold. */
    cp_process *process = calloc(1, sizeof(*process));
    if (process == NULL) {
        cpi_no_memory();
        return NULL;
    }
    wit_error error;
    if (!childproof_process_types_method_command_spawn(borrow_command(command), &process->handle, &error)) {
        free(process);
        cpi_fail_with(&error);
        return NULL;
    }
    return process;
}

void cp_free(cp_process *process) {
    if (process == NULL) {
        return;
    }
    cpi_pipe_close(process, CP_STDIN);
    cpi_pipe_close(process, CP_STDOUT);
    cpi_pipe_close(process, CP_STDERR);
    childproof_process_types_process_drop_own(process->handle);
    free(process);
}

uint64_t cp_id(cp_process *process) {
    if (cpi_check_process(process) != 0) {
        return 0;
    }
    return childproof_process_types_method_process_id(borrow_process(process));
}

int cp_wait(cp_process *process, cp_status *status) {
    if (cpi_check_process(process) != 0) {
        return -1;
    }
    wit_status ended;
    wit_error error;
    if (!childproof_process_types_method_process_wait(borrow_process(process), &ended, &error)) {
        return cpi_fail_with(&error);
    }
    if (status != NULL) {
        *status = cpi_status(&ended);
    }
    return 0;
}

int cp_try_wait(cp_process *process, cp_status *status) {
    if (cpi_check_process(process) != 0) {
        return -1;
    }
    childproof_process_types_option_exit_status_t ended;
    wit_error error;
    if (!childproof_process_types_method_process_try_wait(borrow_process(process), &ended, &error)) {
        return cpi_fail_with(&error);
    }
    if (!ended.is_some) {
        return 0;
    }
    if (status != NULL) {
        *status = cpi_status(&ended.val);
    }
    return 1;
}

int cp_wait_timeout(cp_process *process, cp_duration timeout, cp_status *status) {
    if (cpi_check_process(process) != 0) {
        return -1;
    }
    cp_poll_item item = {.process = process, .event = CP_ON_END};
    if (cp_poll(&item, 1, timeout) < 0) {
        return -1;
    }
    return cp_try_wait(process, status);
}

int cp_signal(cp_process *process, int signal) {
    if (cpi_check_process(process) != 0) {
        return -1;
    }
    wit_signal sent;
    if (!cpi_signal(signal, &sent)) {
        return cpi_fail(CP_ERROR_INVALID_ARGUMENT, EINVAL, "signal", "it is none of CP_SIG...");
    }
    wit_error error;
    if (!childproof_process_types_method_process_send_signal(borrow_process(process), &sent, &error)) {
        return cpi_fail_with(&error);
    }
    return 0;
}

int cp_terminate(cp_process *process) {
    if (cpi_check_process(process) != 0) {
        return -1;
    }
    wit_error error;
    if (!childproof_process_types_method_process_terminate(borrow_process(process), &error)) {
        return cpi_fail_with(&error);
    }
    return 0;
}

int cp_kill(cp_process *process) {
    if (cpi_check_process(process) != 0) {
        return -1;
    }
    wit_error error;
    if (!childproof_process_types_method_process_kill(borrow_process(process), &error)) {
        return cpi_fail_with(&error);
    }
    return 0;
}

int cp_stop(cp_process *process, cp_duration grace, cp_stopped_by *by, cp_status *status) {
    if (cpi_check_process(process) != 0) {
        return -1;
    }
    childproof_process_types_stopped_t stopped;
    wit_error error;
    if (!childproof_process_types_method_process_stop(borrow_process(process), grace, &stopped, &error)) {
        return cpi_fail_with(&error);
    }
    if (by != NULL) {
        *by = stopped.by == CHILDPROOF_PROCESS_TYPES_STOPPED_BY_ALREADY_ENDED ? CP_STOPPED_BEFORE
              : stopped.by == CHILDPROOF_PROCESS_TYPES_STOPPED_BY_TERMINATE   ? CP_STOPPED_BY_TERMINATE
                                                                              : CP_STOPPED_BY_KILL;
    }
    if (status != NULL) {
        *status = cpi_status(&stopped.status);
    }
    return 0;
}

int cp_usage(cp_process *process, cp_resources *usage) {
    if (cpi_check_process(process) != 0) {
        return -1;
    }
    childproof_process_types_usage_t used;
    if (!childproof_process_types_method_process_usage(borrow_process(process), &used)) {
        return 0;
    }
    *usage = (cp_resources){
        .user_time = used.user_time,
        .system_time = used.system_time,
        .has_peak_memory = used.peak_memory.is_some,
        .peak_memory = used.peak_memory.is_some ? used.peak_memory.val : 0,
    };
    return 1;
}
