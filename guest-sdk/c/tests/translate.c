/*
 * For a host that stands in for the real one and answers one case of the interface each, which no policy and no
 * kernel can be made to do. What arrives is printed, and the tests of xtask compare it with the WIT.
 */

#include "tests.h"

#define NUMBER(name) {name, #name}

static const struct {
    int number;
    const char *name;
} NUMBERS[] = {
    NUMBER(E2BIG),   NUMBER(EACCES), NUMBER(EAGAIN), NUMBER(ECHILD),    NUMBER(EDQUOT),  NUMBER(EFBIG),
    NUMBER(EINVAL),  NUMBER(EIO),    NUMBER(EMFILE), NUMBER(ENOENT),    NUMBER(ENOMEM),  NUMBER(ENOTDIR),
    NUMBER(ENOTSUP), NUMBER(ESRCH),  NUMBER(ESTALE), NUMBER(ETIMEDOUT), NUMBER(ETXTBSY),
};

static const char *number_name(int number) {
    for (size_t i = 0; i < sizeof(NUMBERS) / sizeof(NUMBERS[0]); i++) {
        if (NUMBERS[i].number == number) {
            return NUMBERS[i].name;
        }
    }
    return "?";
}

/*
 * Starts the grant, which the host fails with the error of that name: its case, errno, quota, field, message and
 * text.
 */
static void print_error(const char *name) {
    cp_command *command = cp_command_new(name);
    errno = 0;
    cp_process *process = cp_spawn(command);
    int number = errno;
    CHECK(process == NULL);
    const cp_error *error = cp_last_error();
    CHECK(error->number == number);
    printf("%s|%s|%s|%s|%s|%s\n", cp_error_name(error->code), number_name(number), cp_quota_name(error->quota),
           error->field, error->message, error->text);
    cp_command_free(command);
}

/* Waits for the grant, which the host has ended as its name says: by what code or signal, by whom, by which limit. */
static void print_status(const char *name) {
    cp_process *process = started(cp_command_new(name));
    cp_status status;
    CHECK(cp_wait(process, &status) == 0);
    static const char *const by[] = {"itself", "guest", "limit"};
    char text[64];
    cp_status_text(&status, text, sizeof(text));
    printf("%s|%u|%s|%s|%s\n", status.termination == CP_EXITED ? "exited" : "signaled", (unsigned)status.code,
           status.termination == CP_EXITED ? "" : cp_signal_name(status.signal), by[status.ended_by],
           cp_limit_name(status.limit));
    puts(text);
    cp_free(process);
}

/* Stops the grant, which the host answers as its name says. */
static void print_stopped(const char *name) {
    cp_process *process = started(cp_command_new(name));
    cp_stopped_by by;
    CHECK(cp_stop(process, 0, &by, NULL) == 0);
    static const char *const names[] = {"already-ended", "terminate", "kill"};
    puts(names[by]);
    cp_free(process);
}

/* Sends every signal there is, each by its place in the header, and prints what it is called. */
static void send_all(void) {
    cp_process *process = started(cp_command_new("signals"));
    for (int signal = CP_SIGABRT; signal <= CP_SIGUNNAMED; signal++) {
        CHECK(cp_signal(process, signal) == 0);
        puts(cp_signal_name(signal));
    }
    CHECK(cp_signal(process, CP_SIGRTMIN) == 0 && cp_signal(process, CP_SIGRTMIN + 255) == 0);
    cp_free(process);
}

int translate(int argc, char *argv[]) {
    for (int i = 0; i < argc; i++) {
        if (strcmp(argv[i], "signals") == 0) {
            send_all();
        } else if (strncmp(argv[i], "status:", 7) == 0) {
            print_status(argv[i]);
        } else if (strncmp(argv[i], "stopped:", 8) == 0) {
            print_stopped(argv[i]);
        } else {
            print_error(argv[i]);
        }
    }
    return EXIT_SUCCESS;
}
