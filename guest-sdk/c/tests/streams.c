/* Pipes, files, and what goes from process to process. */

#include <fcntl.h>

#include "tests.h"

void a_conversation(void) {
    cp_process *process = shell_with("io", "while read word; do echo \"<$word>\"; done; echo end");
    char answer[16];
    for (int i = 0; i < 3; i++) {
        CHECK(cp_write(process, "word\n", 5) == 5);
        CHECK(cp_flush(process) == 0);
        CHECK(cp_read(process, CP_STDOUT, answer, sizeof(answer)) == 7 && memcmp(answer, "<word>\n", 7) == 0);
    }
    CHECK(cp_write(process, "", 0) == 0);
    CHECK(cp_close(process, CP_STDIN) == 0);
    CHECK(strcmp(read_all(process, CP_STDOUT), "end\n") == 0);
    CHECK(cp_read(process, CP_STDOUT, answer, sizeof(answer)) == 0);
    CHECK(cp_wait(process, NULL) == 0);
    CHECK(cp_read(process, CP_STDOUT, answer, sizeof(answer)) == 0);
    cp_free(process);

    /* What was written before the end stays readable. */
    process = shell_with("o", "echo before");
    CHECK(cp_wait(process, NULL) == 0);
    CHECK(cp_read(process, CP_STDOUT, answer, 3) == 3 && memcmp(answer, "bef", 3) == 0);
    CHECK(strcmp(read_all(process, CP_STDOUT), "ore\n") == 0);
    cp_free(process);
}

void a_broken_pipe(void) {
    cp_process *process = shell_with("i", "true");
    CHECK(cp_wait(process, NULL) == 0);
    ssize_t written = cp_write(process, "first", 5);
    CHECK(written == 5 || (written == -1 && errno == EPIPE));
    if (written == 5) {
        CHECK(cp_flush(process) == -1 && errno == EPIPE);
    }
    CHECK(cp_write(process, "second", 6) == -1);
    CHECK_ERROR(CP_ERROR_LOCAL, EPIPE, "stdin");
    CHECK(cp_close(process, CP_STDIN) == 0);
    cp_free(process);
}

void polling(void) {
    cp_process *process = shell_with("ioe", "read line; echo problem >&2; read line; exit 1");
    cp_poll_item items[] = {
        {.process = process, .event = CP_ON_STDOUT},
        {.process = process, .event = CP_ON_STDERR},
        {.process = process, .event = CP_ON_END},
        {.process = NULL, .event = CP_ON_END},
    };
    size_t count = sizeof(items) / sizeof(items[0]);
    CHECK(cp_poll(items, count, 0) == 0);
    CHECK(cp_poll(items, count, CP_MILLISECONDS(1)) == 0);
    for (size_t i = 0; i < count; i++) {
        CHECK(!items[i].ready);
    }
    cp_poll_item in = {.process = process, .event = CP_ON_STDIN};
    CHECK(cp_poll(&in, 1, CP_UNSET) == 1 && in.ready);
    CHECK(cp_write_some(process, "\n", 1) == 1);
    CHECK(cp_poll(items, count, CP_UNSET) == 1);
    CHECK(!items[0].ready && items[1].ready && !items[2].ready && !items[3].ready);
    char text[16];
    CHECK(cp_read(process, CP_STDERR, text, sizeof(text)) == 8 && memcmp(text, "problem\n", 8) == 0);
    CHECK(cp_close(process, CP_STDIN) == 0);
    CHECK(cp_wait(process, NULL) == 0);
    CHECK(cp_poll(items, count, CP_UNSET) >= 1 && items[2].ready);
    CHECK(strcmp(read_all(process, CP_STDOUT), "") == 0 && strcmp(read_all(process, CP_STDERR), "") == 0);

    cp_poll_item nothing = {.process = NULL, .event = CP_ON_END};
    CHECK(cp_poll(&nothing, 1, CP_UNSET) == -1);
    CHECK_ERROR(CP_ERROR_LOCAL, EINVAL, "");
    CHECK(cp_poll(NULL, 0, 0) == 0);
    CHECK(cp_poll(&in, 1, 0) == -1);
    CHECK_ERROR(CP_ERROR_LOCAL, EBADF, "stdin");
    cp_free(process);
}

/*
 * What a guest does that cannot have all of it in memory: it writes what fits, reads what there is, and never gets
 * stuck.
 */
void polling_pumps(void) {
    enum { TOTAL = 8 << 20, PART = 64 << 10 };
    cp_command *command = cp_command_new("cat");
    cp_command_stdio(command, CP_STDIN, CP_PIPE);
    cp_command_stdio(command, CP_STDOUT, CP_PIPE);
    cp_process *process = started(command);
    static char bytes[PART];
    static char back[PART];
    for (size_t i = 0; i < PART; i++) {
        bytes[i] = (char)(i % 251);
    }
    size_t sent = 0;
    size_t received = 0;
    while (received < TOTAL) {
        cp_poll_item items[] = {
            {.process = process, .event = CP_ON_STDOUT},
            {.process = sent < TOTAL ? process : NULL, .event = CP_ON_STDIN},
        };
        CHECK(cp_poll(items, 2, CP_UNSET) >= 1);
        if (items[1].ready) {
            ssize_t written = cp_write_some(process, bytes + sent % PART, PART - sent % PART);
            CHECK(written > 0);
            sent += (size_t)written;
            if (sent == TOTAL) {
                CHECK(cp_close(process, CP_STDIN) == 0);
            }
        }
        if (items[0].ready) {
            ssize_t read = cp_read(process, CP_STDOUT, back, sizeof(back));
            CHECK(read > 0);
            for (ssize_t i = 0; i < read; i++) {
                CHECK(back[i] == bytes[(received + (size_t)i) % PART]);
            }
            received += (size_t)read;
        }
    }
    CHECK(cp_read(process, CP_STDOUT, back, sizeof(back)) == 0 && sent == TOTAL && received == TOTAL);
    CHECK(cp_wait(process, NULL) == 0);
    cp_free(process);
}

void streams_that_are_gone(void) {
    char byte;
    cp_process *process = shell_with("o", "true");
    CHECK(cp_write(process, "x", 1) == -1);
    CHECK_ERROR(CP_ERROR_LOCAL, EBADF, "stdin");
    CHECK(cp_flush(process) == -1 && errno == EBADF);
    CHECK(cp_close(process, CP_STDIN) == -1 && errno == EBADF);
    CHECK(cp_read(process, CP_STDERR, &byte, 1) == -1);
    CHECK_ERROR(CP_ERROR_LOCAL, EBADF, "stderr");
    CHECK(cp_read(process, CP_STDIN, &byte, 1) == -1 && errno == EBADF);
    CHECK(cp_read(process, (cp_stream)7, &byte, 1) == -1 && errno == EBADF);
    CHECK(cp_close(process, CP_STDOUT) == 0);
    CHECK(cp_close(process, CP_STDOUT) == -1 && errno == EBADF);
    CHECK(cp_read(process, CP_STDOUT, &byte, 1) == -1);
    CHECK_ERROR(CP_ERROR_LOCAL, EBADF, "stdout");
    cp_free(process);
}

void stderr_to_stdout(void) {
    cp_command *command = shell("echo 1; echo 2 >&2; echo 3; echo 4 >&2");
    CHECK(cp_command_stdio(command, CP_STDOUT, CP_PIPE) == 0);
    CHECK(cp_command_stdio(command, CP_STDERR, CP_TO_STDOUT) == 0);
    cp_process *process = started(command);
    CHECK(strcmp(read_all(process, CP_STDOUT), "1\n2\n3\n4\n") == 0);
    cp_free(process);
}

void inherited_streams(void) {
    cp_command *command = shell("read line; echo \"it read $line\"; echo problem >&2");
    CHECK(cp_command_stdio(command, CP_STDIN, CP_INHERIT) == 0);
    CHECK(cp_command_stdio(command, CP_STDOUT, CP_INHERIT) == 0);
    CHECK(cp_command_stdio(command, CP_STDERR, CP_INHERIT) == 0);
    cp_process *process = started(command);
    cp_status status;
    CHECK(cp_wait(process, &status) == 0 && cp_success(&status));
    cp_free(process);
}

void a_pipeline(void) {
    cp_process *first = shell_with("oe", "printf 'c\\nb\\na\\nb\\n'; echo aside >&2");
    cp_command *command = cp_command_new("sort");
    CHECK(cp_command_arg(command, "-u") == 0);
    CHECK(cp_command_from(command, CP_STDIN, first, CP_STDOUT) == 0);
    CHECK(cp_command_stdio(command, CP_STDOUT, CP_PIPE) == 0);
    cp_process *second = cp_spawn(command);
    CHECK(second != NULL);
    cp_output output;
    CHECK(cp_communicate(second, NULL, 0, NULL, &output) == 0 && WROTE(output.out, "a\nb\nc\n"));
    cp_output_free(&output);

    /* The pipe is gone from the first, and used up by the second. */
    char byte;
    CHECK(cp_read(first, CP_STDOUT, &byte, 1) == -1 && errno == EBADF);
    CHECK(cp_communicate(first, NULL, 0, NULL, &output) == 0);
    CHECK(output.out.data == NULL && WROTE(output.err, "aside\n"));
    cp_output_free(&output);
    CHECK(cp_spawn(command) == NULL);
    CHECK_ERROR(CP_ERROR_INVALID_ARGUMENT, EINVAL, "stdin");
    cp_command_free(command);

    command = cp_command_new("sort");
    CHECK(cp_command_from(command, CP_STDIN, first, CP_STDOUT) == -1);
    CHECK_ERROR(CP_ERROR_LOCAL, EBADF, "stdout");
    CHECK(cp_spawn(command) == NULL && errno == EBADF);
    CHECK(cp_command_from(command, CP_STDIN, second, CP_STDIN) == -1);
    CHECK_ERROR(CP_ERROR_INVALID_ARGUMENT, EINVAL, "stdin");
    cp_command_free(command);
    cp_free(first);
    cp_free(second);
}

/* A process that could not be started is taken like one that has no pipe, and what is made of it cannot be either. */
void a_process_that_was_not_started(void) {
    cp_command *command = cp_command_new("no-such-grant");
    cp_process *none = cp_spawn(command);
    CHECK(none == NULL);
    cp_command_free(command);
    command = cp_command_new("sort");
    CHECK(cp_command_from(command, CP_STDIN, none, CP_STDOUT) == -1);
    CHECK_ERROR(CP_ERROR_INVALID_ARGUMENT, EINVAL, "stdin");
    CHECK(cp_spawn(command) == NULL);
    CHECK_ERROR(CP_ERROR_INVALID_ARGUMENT, EINVAL, "stdin");
    cp_command_free(command);
    command = shell("true");
    CHECK(cp_command_from(command, CP_STDOUT, none, CP_STDIN) == -1);
    CHECK_ERROR(CP_ERROR_INVALID_ARGUMENT, EINVAL, "stdout");
    cp_command_free(command);

/* With another error before each, so that none is told by the one before. */
#define CHECK_NONE(call)                                           \
    do {                                                           \
        CHECK(cp_spawn(NULL) == NULL && errno == ENOMEM);          \
        CHECK((call) == -1);                                       \
        CHECK_ERROR(CP_ERROR_INVALID_ARGUMENT, EINVAL, "process"); \
    } while (0)
    char byte = 0;
    cp_status status;
    cp_resources usage;
    cp_output output;
    CHECK_NONE(cp_wait(none, &status));
    CHECK_NONE(cp_try_wait(none, &status));
    CHECK_NONE(cp_wait_timeout(none, CP_UNSET, &status));
    CHECK_NONE(cp_signal(none, CP_SIGTERM));
    CHECK_NONE(cp_terminate(none));
    CHECK_NONE(cp_kill(none));
    CHECK_NONE(cp_stop(none, 0, NULL, &status));
    CHECK_NONE(cp_usage(none, &usage));
    CHECK_NONE(cp_communicate(none, "x", 1, NULL, &output));
    CHECK(output.out.data == NULL && output.err.data == NULL);
    CHECK_NONE(cp_read(none, CP_STDOUT, &byte, 1));
    CHECK_NONE(cp_write(none, &byte, 1));
    CHECK_NONE(cp_write(none, &byte, 0));
    CHECK_NONE(cp_write_some(none, &byte, 1));
    CHECK_NONE(cp_flush(none));
    CHECK_NONE(cp_close(none, CP_STDERR));
#undef CHECK_NONE
    CHECK(cp_id(none) == 0);
}

void a_pipeline_from_its_end(void) {
    cp_process *last = shell_with("io", "cat");
    CHECK(cp_write(last, "head ", 5) == 5);
    cp_command *command = shell("printf tail");
    CHECK(cp_command_from(command, CP_STDOUT, last, CP_STDIN) == 0);
    cp_process *first = started(command);
    CHECK(cp_wait(first, NULL) == 0);
    CHECK(strcmp(read_all(last, CP_STDOUT), "head tail") == 0);
    cp_free(first);
    cp_free(last);
}

/* Runs a script with a file for a stream. */
static void with_file(cp_stream stream, const char *path, int flags, const char *script) {
    cp_command *command = shell(script);
    CHECK(cp_command_file(command, stream, path, flags) == 0);
    cp_output output;
    CHECK(cp_run(command, NULL, 0, NULL, &output) == 0 && cp_success(&output.status));
    cp_output_free(&output);
    cp_command_free(command);
}

void files(void) {
    with_file(CP_STDOUT, "/data/out", O_WRONLY | O_CREAT | O_TRUNC, "echo one");
    with_file(CP_STDOUT, "/data/out", O_WRONLY | O_APPEND, "echo two");
    with_file(CP_STDERR, "data/./out", O_RDWR | O_APPEND | O_CREAT, "echo three >&2");
    cp_command *command = shell("cat");
    CHECK(cp_command_file(command, CP_STDIN, "/data/out", O_RDONLY) == 0);
    check_run(command, "one\ntwo\nthree\n");
    with_file(CP_STDOUT, "/data/out", O_WRONLY, "printf ONE");
    check_run(shell("cat /data/out"), "ONE\ntwo\nthree\n");
    with_file(CP_STDOUT, "/data/out", O_WRONLY | O_TRUNC, "true");
    check_run(shell("cat /data/out"), "");
    with_file(CP_STDOUT, "/data/new", O_WRONLY | O_CREAT | O_EXCL, "echo new");
    check_run(shell("cat /data/new"), "new\n");

    /* What the guest writes itself lies in the same place. */
    FILE *own = fopen("/data/own", "w");
    CHECK(own != NULL && fputs("by the guest\n", own) >= 0 && fclose(own) == 0);
    command = shell("cat");
    CHECK(cp_command_file(command, CP_STDIN, "/data/own", O_RDONLY) == 0);
    check_run(command, "by the guest\n");
}

void files_that_cannot_be_opened(void) {
    check_run(shell("echo there >/data/there; ln -s there /data/link; mkdir /data/directory"), "");
    const struct {
        const char *path;
        int flags;
        int number;
    } wrong[] = {
        {"/data/missing", O_RDONLY, ENOENT},
        {"/data/there", O_WRONLY | O_CREAT | O_EXCL, EEXIST},
        {"/data/link", O_RDONLY | O_NOFOLLOW, ELOOP},
        {"/data/there/below", O_RDONLY, ENOTDIR},
        {"/data/directory", O_RDONLY | O_WRONLY, EISDIR},
        {"/etc/passwd", O_RDONLY, ENOENT},
        {"/data/../../etc/passwd", O_RDONLY, EPERM},
        {"", O_RDONLY, ENOENT},
    };
    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
        cp_command *command = shell("cat");
        CHECK(cp_command_file(command, CP_STDIN, wrong[i].path, wrong[i].flags) == -1);
        CHECK_ERROR(CP_ERROR_LOCAL, wrong[i].number, "stdin");
        CHECK(cp_spawn(command) == NULL);
        CHECK_ERROR(CP_ERROR_LOCAL, wrong[i].number, "stdin");
        cp_command_free(command);
    }
    cp_command *command = shell("cat");
    CHECK(cp_command_file(command, CP_STDIN, "/data/link", O_RDONLY) == 0);
    check_run(command, "there\n");

    /* A directory is no file, and one that is only read takes no output. */
    command = shell("cat");
    CHECK(cp_command_file(command, CP_STDIN, "/data/directory", O_RDONLY) == 0);
    CHECK(cp_spawn(command) == NULL);
    CHECK_ERROR(CP_ERROR_UNSUPPORTED, ENOTSUP, "stdin");
    cp_command_free(command);
    command = shell("echo");
    CHECK(cp_command_file(command, CP_STDOUT, "/data/there", O_RDONLY) == 0);
    CHECK(cp_spawn(command) == NULL);
    CHECK(cp_last_error()->code == CP_ERROR_REFUSED && strcmp(cp_last_error()->field, "stdout") == 0);
    cp_command_free(command);
}

/* Pages of the guest's memory. What is leaked in each of many rounds makes it grow. */
static size_t pages(void) {
    return __builtin_wasm_memory_size(0);
}

static void round_of_everything(void) {
    cp_command *command = cp_command_new("cat");
    cp_command_stdio(command, CP_STDIN, CP_PIPE);
    cp_command_stdio(command, CP_STDOUT, CP_PIPE);
    cp_command_file(command, CP_STDERR, "/data/log", O_WRONLY | O_CREAT | O_APPEND);
    cp_command_cwd(command, "/data");
    cp_process *process = cp_spawn(command);
    CHECK(process != NULL);
    cp_poll_item item = {.process = process, .event = CP_ON_STDIN};
    CHECK(cp_poll(&item, 1, CP_SECONDS(1000)) == 1);
    CHECK(cp_write(process, "x", 1) == 1 && cp_close(process, CP_STDIN) == 0);
    CHECK(strcmp(read_all(process, CP_STDOUT), "x") == 0);
    CHECK(cp_signal(process, 0) == -1);
    CHECK(cp_wait(process, NULL) == 0);
    cp_free(process);

    static char input[100000];
    cp_output output;
    CHECK(cp_run(command, input, sizeof(input), NULL, &output) == 0 && output.out.size == sizeof(input));
    cp_output_free(&output);
    cp_limits limits = CP_LIMITS;
    limits.output_limit = 50000;
    CHECK(cp_run(command, input, sizeof(input), &limits, &output) == -1 && errno == EFBIG && output.out.size == 50000);
    cp_output_free(&output);
    CHECK(cp_command_cwd(command, "/nowhere") == -1);
    CHECK(cp_spawn(command) == NULL);
    cp_command_free(command);
}

/* What takes so little memory that it takes many of them to see it. */
static void round_of_failures(void) {
    cp_command *command = cp_command_new("picky");
    cp_command_arg(command, "other");
    CHECK(cp_spawn(command) == NULL);
    cp_command_arg(command, "\xff");
    CHECK(cp_spawn(command) == NULL);
    cp_command_free(command);
}

void nothing_is_left(void) {
    round_of_everything();
    round_of_failures();
    size_t before = pages();
    /* The policy lets 8 processes be held, and a page is no more than one round's input. */
    for (int i = 0; i < 100; i++) {
        round_of_everything();
    }
    for (int i = 0; i < 15000; i++) {
        round_of_failures();
    }
    CHECK(pages() == before);
}
