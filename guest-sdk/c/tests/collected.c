/* cp_communicate and cp_run. */

#include "tests.h"

void communicate_feeds_and_reads(void) {
    cp_process *process = shell_with("ioe", "cat; echo problem >&2; exit 7");
    cp_output output;
    CHECK(cp_communicate(process, "a\0b\n", 4, NULL, &output) == 0);
    CHECK(output.out.size == 4 && memcmp(output.out.data, "a\0b\n", 5) == 0);
    CHECK(WROTE(output.err, "problem\n") && output.complete);
    CHECK(output.status.termination == CP_EXITED && output.status.code == 7);
    cp_output_free(&output);
    CHECK(output.out.data == NULL && output.err.data == NULL);
    cp_free(process);

    /* Neither no input nor one that is not read is an error. */
    process = shell_with("io", "cat");
    CHECK(cp_communicate(process, NULL, 0, NULL, &output) == 0 && WROTE(output.out, ""));
    cp_output_free(&output);
    cp_free(process);
    process = shell_with("io", "exec <&-; echo out");
    size_t size = 1 << 20;
    char *input = calloc(size, 1);
    CHECK(input != NULL);
    CHECK(cp_communicate(process, input, size, NULL, &output) == 0 && WROTE(output.out, "out\n"));
    free(input);
    cp_output_free(&output);
    cp_free(process);

    process = shell_with("o", "true");
    CHECK(cp_communicate(process, "x", 1, NULL, &output) == -1);
    CHECK_ERROR(CP_ERROR_INVALID_ARGUMENT, EINVAL, "input");
    CHECK(output.out.data == NULL && output.err.data == NULL);
    cp_output_free(&output);
    cp_free(process);
}

void communicate_with_large_data(void) {
    size_t size = (size_t)64 << 20;
    char *input = malloc(size);
    CHECK(input != NULL);
    for (size_t i = 0; i < size; i++) {
        input[i] = (char)(i * 2654435761U >> 13);
    }
    cp_command *command = cp_command_new("cat");
    cp_command_stdio(command, CP_STDIN, CP_PIPE);
    cp_command_stdio(command, CP_STDOUT, CP_PIPE);
    cp_process *process = started(command);
    cp_output output;
    CHECK(cp_communicate(process, input, size, NULL, &output) == 0);
    CHECK(output.complete && cp_success(&output.status));
    CHECK(output.out.size == size && memcmp(output.out.data, input, size) == 0 && output.out.data[size] == '\0');
    cp_output_free(&output);
    cp_free(process);
    free(input);
}

void an_input_that_is_too_large(void) {
    char *input = calloc(CP_INPUT_MAX + 1, 1);
    CHECK(input != NULL);
    cp_process *process = shell_with("io", "wc -c");
    cp_output output;
    CHECK(cp_communicate(process, input, CP_INPUT_MAX + 1, NULL, &output) == -1);
    CHECK_ERROR(CP_ERROR_INVALID_ARGUMENT, EINVAL, "input");
    CHECK(output.out.data == NULL);
    /* The process is as it was: it takes a smaller one, or one that is written. */
    CHECK(cp_communicate(process, input, CP_INPUT_MAX, NULL, &output) == 0);
    CHECK(strtoul(output.out.data, NULL, 10) == CP_INPUT_MAX && cp_success(&output.status));
    cp_output_free(&output);
    cp_free(process);
    process = shell_with("io", "wc -c");
    CHECK(cp_write(process, input, CP_INPUT_MAX + 1) == CP_INPUT_MAX + 1);
    CHECK(cp_communicate(process, NULL, 0, NULL, &output) == 0);
    CHECK(strtoul(output.out.data, NULL, 10) == CP_INPUT_MAX + 1);
    cp_output_free(&output);
    cp_free(process);

    /* Nothing is started for it. */
    cp_command *command = shell("echo started >/data/started");
    CHECK(cp_run(command, input, CP_INPUT_MAX + 1, NULL, &output) == -1);
    CHECK_ERROR(CP_ERROR_INVALID_ARGUMENT, EINVAL, "input");
    cp_command_free(command);
    check_run(shell("test ! -e /data/started"), "");
    free(input);
}

void what_is_not_piped_is_null(void) {
    cp_process *process = shell_with("o", "echo out; echo err >&2");
    cp_output output;
    CHECK(cp_communicate(process, NULL, 0, NULL, &output) == 0);
    CHECK(WROTE(output.out, "out\n") && output.err.data == NULL && output.err.size == 0);
    cp_output_free(&output);
    cp_free(process);
    process = shell_with("e", "true");
    CHECK(cp_communicate(process, NULL, 0, NULL, &output) == 0);
    CHECK(output.out.data == NULL && WROTE(output.err, ""));
    cp_output_free(&output);
    cp_free(process);
}

void communicate_goes_on_after_a_timeout(void) {
    /* It ends when somebody writes to the fifo, which is after the first call has given up. */
    check_run(shell("mkfifo /data/go"), "");
    cp_process *process = shell_with("io", "cat; read line </data/go; echo second");
    cp_limits limits = CP_LIMITS;
    limits.timeout = CP_MILLISECONDS(50);
    cp_output output;
    CHECK(cp_communicate(process, "first\n", 6, &limits, &output) == -1);
    CHECK_ERROR(CP_ERROR_TIMED_OUT, ETIMEDOUT, "");
    CHECK(output.out.data == NULL);
    cp_output_free(&output);
    CHECK(cp_communicate(process, "again", 5, NULL, &output) == -1);
    CHECK_ERROR(CP_ERROR_INVALID_ARGUMENT, EINVAL, "input");
    check_run(shell("echo >/data/go"), "");
    CHECK(cp_communicate(process, NULL, 0, NULL, &output) == 0);
    CHECK(WROTE(output.out, "first\nsecond\n") && cp_success(&output.status));
    cp_output_free(&output);
    cp_free(process);
}

void an_output_limit_keeps_what_was_read(void) {
    cp_process *process = shell_with("oe", "printf 0123456789; echo end >&2");
    cp_limits limits = CP_LIMITS;
    limits.output_limit = 4;
    char all[32];
    size_t length = 0;
    size_t error_length = 0;
    cp_output output;
    for (;;) {
        int answer = cp_communicate(process, NULL, 0, &limits, &output);
        CHECK(output.out.data != NULL && output.err.data != NULL);
        CHECK(output.out.size + output.err.size <= 4);
        CHECK(length + output.out.size < sizeof(all));
        memcpy(all + length, output.out.data, output.out.size);
        length += output.out.size;
        error_length += output.err.size;
        cp_output_free(&output);
        if (answer == 0) {
            break;
        }
        CHECK_ERROR(CP_ERROR_OUTPUT_LIMIT_REACHED, EFBIG, "");
    }
    CHECK(length == 10 && memcmp(all, "0123456789", 10) == 0 && error_length == 4);
    cp_free(process);
}

void communicate_and_streams_that_are_used(void) {
    /* What was written before is read before; the rest is for communicate. */
    cp_process *process = shell_with("io", "cat");
    CHECK(cp_write(process, "written", 7) == 7);
    cp_output output;
    CHECK(cp_communicate(process, "more", 4, NULL, &output) == -1);
    CHECK_ERROR(CP_ERROR_INVALID_ARGUMENT, EINVAL, "input");
    CHECK(cp_write(process, " twice", 6) == 6);
    CHECK(cp_communicate(process, NULL, 0, NULL, &output) == 0 && WROTE(output.out, "written twice"));
    cp_output_free(&output);
    cp_free(process);

    process = shell_with("oe", "echo out; echo err >&2");
    char byte;
    CHECK(cp_read(process, CP_STDOUT, &byte, 1) == 1 && byte == 'o');
    CHECK(cp_communicate(process, NULL, 0, NULL, &output) == -1);
    CHECK_ERROR(CP_ERROR_INVALID_ARGUMENT, EINVAL, "stdout");
    CHECK(strcmp(read_all(process, CP_STDOUT), "ut\n") == 0);
    CHECK(cp_communicate(process, NULL, 0, NULL, &output) == 0);
    CHECK(output.out.data == NULL && WROTE(output.err, "err\n"));
    cp_output_free(&output);
    cp_free(process);
}

void run_does_it_all(void) {
    cp_command *command = shell("cat; exit 2");
    cp_output output;
    CHECK(cp_run(command, "in", 2, NULL, &output) == 0);
    CHECK(WROTE(output.out, "in") && WROTE(output.err, "") && output.status.code == 2);
    cp_output_free(&output);
    cp_command_free(command);

    /* What was set stays. */
    command = shell("echo out; echo err >&2");
    cp_command_stdio(command, CP_STDERR, CP_TO_STDOUT);
    CHECK(cp_run(command, NULL, 0, NULL, &output) == 0);
    CHECK(WROTE(output.out, "out\nerr\n") && output.err.data == NULL);
    cp_output_free(&output);
    cp_command_free(command);

    /* What was not set is as it was, whether a process could be started or not. */
    command = shell("head -c 2000000 /dev/zero; head -c 2000000 /dev/zero >&2; cat");
    CHECK(cp_run(command, "in", 2, NULL, &output) == 0 && output.out.size == 2000002);
    cp_output_free(&output);
    cp_process *process = cp_spawn(command);
    CHECK(process != NULL);
    for (cp_stream stream = CP_STDIN; stream <= CP_STDERR; stream++) {
        CHECK(cp_close(process, stream) == -1 && errno == EBADF);
    }
    cp_status status;
    CHECK(cp_wait(process, &status) == 0 && cp_success(&status));
    cp_free(process);
    cp_command_free(command);
    command = cp_command_new("single");
    cp_command_stdio(command, CP_STDIN, CP_PIPE);
    process = cp_spawn(command);
    CHECK(process != NULL && cp_run(command, NULL, 0, NULL, &output) == -1 && errno == EDQUOT);
    cp_free(process);
    process = cp_spawn(command);
    CHECK(process != NULL && cp_close(process, CP_STDIN) == 0);
    CHECK(cp_close(process, CP_STDOUT) == -1 && errno == EBADF);
    cp_free(process);
    cp_command_free(command);

    /* A time that is over kills it: the host would not let a second one live. */
    command = cp_command_new("single");
    cp_limits limits = CP_LIMITS;
    limits.timeout = CP_MILLISECONDS(10);
    cp_command_stdio(command, CP_STDIN, CP_PIPE);
    cp_process *other = cp_spawn(command);
    CHECK(other != NULL && cp_run(command, NULL, 0, NULL, &output) == -1 && errno == EDQUOT);
    CHECK(output.out.data == NULL);
    cp_free(other);
    cp_command_free(command);
    command = shell("sleep 1000");
    CHECK(cp_run(command, NULL, 0, &limits, &output) == -1);
    CHECK_ERROR(CP_ERROR_TIMED_OUT, ETIMEDOUT, "");
    cp_output_free(&output);
    cp_command_free(command);
}
